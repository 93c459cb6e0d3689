/** A fleet of subscribers in a process of its own (subscribers.ts), commanded from the benchmark. */
import http from 'node:http';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from '../../e2e/support/ports.ts';
import type { Workbench } from '../harness/bench.ts';

export interface JoinOptions {
  /** HOST:PORT. */
  readonly target: string;
  readonly count: number;
  readonly streamsPerConnection: number;
  /** So many, the last ones, have a connection each: who stops reading holds up its whole connection. */
  readonly ownConnections: number;
  /** Node ids begin with it. */
  readonly prefix: string;
  readonly group: string;
  readonly token: string;
  /** Type URLs; everything of each is asked for, and one response of each makes a subscriber a member. */
  readonly types: readonly string[];
}

export interface Joined {
  readonly tookMillis: number;
  /** Of the first responses. */
  readonly bytesEach: number;
}

export interface Seen {
  /** When each subscriber acknowledged, on the clock of {@link nowMillis}. */
  readonly atMillis: readonly number[];
  /** Of all that was received since the arming. */
  readonly bytes: number;
}

export interface Fleet {
  /** Resolves when every subscriber has acknowledged its first responses. */
  join(options: JoinOptions): Promise<Joined>;
  /** From now on the next response of every subscriber is waited for. */
  arm(): Promise<void>;
  /** Resolves when it has come to all. */
  arrived(): Promise<Seen>;
  /** So many read nothing any more; they are not waited for. */
  stopReading(count: number): Promise<void>;
  leave(): Promise<void>;
  /** Ends the process. */
  stop(): Promise<void>;
}

/** The kernel's monotonic clock, which all processes of a machine share. */
export const nowMillis = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

const pollMs = 50;
const patienceMs = 120_000;

export async function startFleet({ processes, cores }: Workbench): Promise<Fleet> {
  const [port = 0] = await freePorts(1);
  const script = path.join(import.meta.dirname, 'subscribers.ts');
  const child = processes.start({
    name: 'subscribers',
    command: process.execPath,
    args: ['--max-old-space-size=4096', script, String(port)],
    core: cores.load,
  });
  const command = async <T>(name: string, body: unknown = {}): Promise<T> => {
    for (const deadline = performance.now() + 10_000; ; ) {
      processes.assertAlive(child, { name: 'subscribers' });
      try {
        return JSON.parse(await send(`http://127.0.0.1:${port}/${name}`, body)) as T;
      } catch (error) {
        const notYet = error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
        if (!notYet || performance.now() > deadline) throw error;
        await delay(pollMs);
      }
    }
  };
  await command('leave');
  return {
    join: (options) => command('join', options),
    arm: () => command('arm'),
    arrived: () => command('arrived'),
    stopReading: (count) => command('stop-reading', { count }),
    leave: () => command('leave'),
    stop: () => processes.stop(child),
  };
}

function send(url: string, body: unknown): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'POST', agent: false, timeout: patienceMs }, (response) => {
      text(response).then((answer) => {
        if (response.statusCode === 200) resolve(answer);
        else reject(new Error(`The subscribers: ${answer}`));
      }, reject);
    });
    request.once('timeout', () => {
      request.destroy(new Error(`The subscribers did not get there within ${patienceMs / 1000} s.`));
    });
    request.once('error', reject).end(JSON.stringify(body));
  });
}
