import type net from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { clusterOf, seededRandom } from '../testing.ts';
import { deadPort, startEndpoint, startTcpProxy } from './testing.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

test('whatever clients and endpoints do, every session ends, is logged once and leaves nothing behind', async () => {
  const seed = Date.now() % 2 ** 31 || 1;
  const random = seededRandom(seed);
  const behave = (socket: net.Socket): void => {
    socket.resume();
    const steps = Math.floor(random() * 4);
    const act = (left: number): void => {
      if (socket.destroyed) return;
      if (left > 0) {
        if (!socket.writableEnded) socket.write(Buffer.alloc(Math.floor(random() * 200_000)));
        setImmediate(act, left - 1);
        return;
      }
      const end = random();
      if (end < 0.3) socket.resetAndDestroy();
      else if (end < 0.5) socket.destroy();
      else socket.end();
    };
    act(steps);
  };
  const [a, b] = await Promise.all([startEndpoint(), startEndpoint()]);
  const config = clusterOf([a.port, deadPort(), b.port], { protocol: 'tcp' });
  const proxy = await startTcpProxy({ clusters: [config], random });
  stops.push(a.stop, b.stop, proxy.stop);
  for (const endpoint of [a, b]) {
    const { sockets } = endpoint;
    const add = sockets.add.bind(sockets);
    sockets.add = (socket) => {
      add(socket);
      behave(socket);
    };
  }
  const count = 300;
  for (let started = 0; started < count; started++) {
    const client = proxy.connect();
    client.on('connect', () => behave(client));
    if (started % 10 === 0) await turn();
  }
  await proxy.log.first(count);
  const { stats, hosts } = proxy.cluster;
  const left = [stats.cxActive.value, stats.rqActive.value, proxy.sessions.size, ...hosts.map((host) => host.active)];
  expect(left, `seed ${seed}`).toEqual([0, 0, 0, 0, 0, 0]);
  expect(proxy.log.seen, `seed ${seed}`).toHaveLength(count);
  expect(stats.cxDestroy.value, `seed ${seed}`).toBe(stats.rqTotal.value);
  expect(proxy.deps.shared.deadlines.queue(3_600_000).head, `seed ${seed}`).toBeNull();
});
