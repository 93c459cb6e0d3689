/** A connection that is silent ends with the idle timeout; one whose program keeps it alive outlives it. */
import { once } from 'node:events';
import net from 'node:net';
import { sameText } from './same.ts';

/** @param idleMs the idle timeout of the route to Redis */
export async function checkIdle(redis: number, idleMs: number): Promise<string> {
  const [silent, alive] = [net.connect(redis, '127.0.0.1'), net.connect(redis, '127.0.0.1')];
  const began = performance.now();
  const ended = once(silent, 'close').then(() => performance.now() - began);
  silent.resume();
  let pongs = 0;
  alive.on('data', () => pongs++);
  const pinging = setInterval(() => alive.write('PING\r\n'), idleMs / 4);
  await new Promise((resolve) => setTimeout(resolve, 3 * idleMs));
  clearInterval(pinging);
  sameText(`${alive.destroyed || alive.readableEnded}`, 'false', 'a connection that is kept alive has ended');
  alive.destroy();
  const afterMs = await Promise.race([ended, new Promise<number>((resolve) => setTimeout(resolve, 100, Number.NaN))]);
  if (!(afterMs >= idleMs))
    throw new Error(`a silent connection was closed after ${afterMs} ms; the idle timeout is ${idleMs} ms`);
  return `a silent connection ended after its idle timeout of ${idleMs} ms, one with a PING now and then (${pongs} answers) did not`;
}
