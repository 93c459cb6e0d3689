import { expect, test } from 'vitest';
import { nodeLimits } from '../limits.ts';
import { rowCells } from '../telemetry/common-rows.ts';
import { NodeStats } from '../telemetry/node-stats.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { clusterOf, TestClock } from '../testing.ts';
import { HostCountsBook, ToldHostCounts } from './common-host-counts.ts';
import { newOpenCounts } from './common-open-counts.ts';
import { limits } from './limits.ts';
import { LogWriter } from './log-lines.ts';
import type { ToWorker, WorkerData, WorkerView } from './messages.ts';
import { restartAfterMs, type WorkerEvents, WorkerPool } from './pool.ts';

const empty = { clusters: new Map(), listeners: new Map() };
const view: WorkerView = { listeners: [], connections: 3, arrivals: 9 };

interface FakeThread {
  readonly data: WorkerData;
  readonly events: WorkerEvents;
  readonly got: ToWorker[];
  terminated: boolean;
}

function start(count: number) {
  const clock = new TestClock();
  const threads: FakeThread[] = [];
  const logged: object[] = [];
  const log = (fields: object): void => void logged.push(fields);
  const stats = new NodeStats(new StatsRegistry());
  const restarts = { value: 0 };
  const written: string[] = [];
  const suspects: string[] = [];
  const counts = new HostCountsBook(count);
  const pool = new WorkerPool({
    count,
    spawn: (data, events) => {
      const thread: FakeThread = { data, events, got: [], terminated: false };
      threads.push(thread);
      return {
        post: (message) => thread.got.push(message),
        terminate: (reason) => {
          thread.terminated = true;
          events.onEnd(reason);
        },
      };
    },
    limits: nodeLimits,
    filters: [],
    zone: '',
    sessionKeys: [],
    open: newOpenCounts(count, [1, 2]),
    counts,
    onFinding: (...told) => void suspects.push(told.join(' ')),
    stats,
    logs: new LogWriter((path) => ({
      write: async (batch, lines) => void written.push(`${path} ${lines} ${Buffer.from(batch)}`),
      reopen: () => {},
      hurry: () => {},
      close: async () => void written.push(`${path} closed`),
    })),
    logger: { info: log, warn: log, error: log },
    restarts,
    health: () => new Map([['c', new Map([['a', 'passing' as const]])]]),
    onProgress: () => {},
    now: clock.now,
    setTimer: clock.setTimer,
  });
  pool.start();
  const applied = (thread: FakeThread, number: number): void =>
    thread.events.onMessage({ type: 'applied', number, failed: [] });
  const states = (): string => pool.states.map(({ state }) => state).join(' ');
  return { pool, clock, threads, logged, restarts, written, applied, states, stats, counts, suspects };
}

test('every worker gets each configuration, a new one the newest; settled is when all have applied it', () => {
  const { pool, threads, applied, states, clock } = start(2);
  expect([pool.serving, pool.settled, states()]).toEqual([false, true, 'starting starting']);
  pool.apply(empty);
  pool.apply(empty);
  expect(threads.map(({ got }) => got.map((message) => message.type === 'config' && message.number))).toEqual([
    [1, 2],
    [1, 2],
  ]);
  applied(threads[0]!, 1);
  applied(threads[1]!, 2);
  expect([pool.serving, pool.settled, states()]).toEqual([true, false, 'serving serving']);
  applied(threads[0]!, 2);
  expect(pool.settled).toBe(true);
  threads[0]!.events.onEnd('boom');
  expect([pool.serving, pool.settled, states()]).toEqual([true, false, 'dead serving']);
  clock.advance(limits.restartMs);
  expect(threads[2]!.data).toMatchObject({ number: 1, health: new Map([['c', new Map([['a', 'passing']])]]) });
  expect(threads[2]!.got).toMatchObject([{ type: 'config', number: 2 }]);
});

test('a worker that dies again and again is started later and later, one that lived for a while soon', () => {
  const { threads, clock, restarts, logged, pool } = start(1);
  for (const waitMs of [100, 200, 400, 800]) {
    threads.at(-1)!.events.onEnd('boom');
    clock.advance(waitMs - 1);
    const before = threads.length;
    clock.advance(1);
    expect(threads).toHaveLength(before + 1);
  }
  clock.advance(limits.steadyMs);
  threads.at(-1)!.events.onEnd('bang');
  expect(logged.at(-1)).toMatchObject({ event: 'worker_died', worker: 1, reason: 'bang', restartMs: 100 });
  clock.advance(100);
  expect(restarts.value).toBe(5);
  expect(pool.states).toEqual([{ worker: 1, state: 'starting', restarts: 5, lastEnd: 'bang' }]);
  expect(restartAfterMs(1_000)).toBe(limits.restartMostMs);
});

test('all are told to ask clients to leave, one that is started meanwhile before its first configuration', () => {
  const { pool, threads, clock } = start(2);
  pool.apply(empty);
  pool.announce(45_000);
  threads[0]!.events.onEnd('boom');
  clock.advance(limits.restartMs);
  const announce = { type: 'announce', timeoutMs: 45_000 };
  expect(threads[1]!.got.at(-1)).toEqual(announce);
  expect(threads[2]!.got).toMatchObject([announce, { type: 'config' }]);
  pool.resume();
  expect(threads[2]!.got.at(-1)).toEqual({ type: 'resume' });
  threads[2]!.events.onEnd('boom');
  clock.advance(2 * limits.restartMs);
  expect(threads[3]!.got).toMatchObject([{ type: 'config' }]);
});

test('what a dead worker had of the counts in common is given back', () => {
  const { pool, threads, clock } = start(2);
  pool.apply({ ...empty, clusters: new Map([['c', clusterOf([1])]]) });
  const memory = threads.map(({ got }) => {
    const [message] = got;
    if (message?.type !== 'config') throw new Error('no configuration');
    return new Float64Array(message.config.rows.get('cluster.c.')!);
  });
  memory[0]![0] = 5;
  memory[1]![rowCells] = 3;
  expect([...memory[1]!].filter(Boolean)).toEqual([5, 3]);
  threads[0]!.events.onEnd('boom');
  expect([...memory[1]!].filter(Boolean)).toEqual([3]);
  clock.advance(limits.restartMs);
  const [message] = threads[2]!.got;
  const again = message?.type === 'config' ? new Float64Array(message.config.rows.get('cluster.c.')!) : null;
  expect(again?.[rowCells]).toBe(3);
});

test('a question is answered by every worker that lives, or fails', async () => {
  const { pool, threads, clock } = start(3);
  const answer = async (thread: FakeThread) => {
    const asked = thread.got.at(-1)!;
    if (asked.type === 'ask') thread.events.onMessage({ type: 'view', number: asked.number, view });
  };
  const asked = pool.ask();
  await answer(threads[0]!);
  threads[1]!.events.onEnd('boom');
  await answer(threads[2]!);
  expect(await asked).toEqual([view, view]);
  const silent = expect(pool.ask()).rejects.toThrow('worker 3 does not answer');
  await answer(threads[0]!);
  clock.advance(limits.answerMs);
  await silent;
});

test('an answer that is there when the time is over counts', async () => {
  const { pool, threads, clock } = start(1);
  const asked = pool.ask();
  clock.setTimer(() => threads[0]!.events.onMessage({ type: 'view', number: 1, view }), limits.answerMs);
  clock.advance(limits.answerMs);
  expect(await asked).toEqual([view]);
});

test('a drain is over when every worker says so or is dead, and nobody is replaced any more', async () => {
  const { pool, threads, clock, states, applied } = start(3);
  for (const thread of threads) applied(thread, 1);
  threads[0]!.events.onEnd('boom');
  const drained = pool.drain(30_000);
  expect(threads[1]!.got.at(-1)).toEqual({ type: 'drain', timeoutMs: 30_000 });
  threads[1]!.events.onMessage({ type: 'drained' });
  expect(states()).toBe('dead draining draining');
  threads[2]!.events.onEnd('bang');
  await drained;
  clock.advance(limits.restartMostMs);
  expect(threads).toHaveLength(3);
});

test('what a worker has under way at an endpoint is told in memory, and given back when it dies', () => {
  const { pool, threads, counts, suspects } = start(2);
  pool.apply({ ...empty, clusters: new Map([['c', clusterOf([1])]]) });
  const key = clusterOf([1]).endpoints[0]!.key;
  for (const [worker, { got }] of threads.entries()) {
    const message = got.at(-1)!;
    if (message.type !== 'config') throw new Error('no configuration was sent');
    const told = new ToldHostCounts(2, worker);
    told.take({ ...empty, clusters: new Map([['c', clusterOf([1])]]) }, message.config.counts);
    told.of('c', key).begin();
  }
  expect(counts.of('c', key).active).toBe(2);
  threads[0]!.events.onMessage({ type: 'finding', cluster: 'c', key, finding: 'consecutive-5xx' });
  threads[0]!.events.onEnd('boom');
  expect(counts.of('c', key).active).toBe(1);
  expect(suspects).toEqual([`c ${key} consecutive-5xx`]);
});

test('a worker that is stuck is ended and replaced, one that answers is not', () => {
  const { threads, clock, logged } = start(2);
  for (let calls = 0; calls < 2 * limits.stuckCalls; calls++) {
    clock.advance(limits.callMs);
    if (threads[1]!.got.at(-1)?.type === 'call') threads[1]!.events.onMessage({ type: 'here' });
  }
  expect(threads.map(({ terminated, data }) => [data.number, terminated])).toEqual([
    [1, true],
    [2, false],
    [1, false],
  ]);
  expect(logged).toMatchObject([{ event: 'worker_died', worker: 1, reason: 'it did not answer for 60 s' }]);
});

test('a worker that is stuck holds up neither a drain nor the end', async () => {
  const { pool, threads, clock } = start(1);
  const drained = pool.drain(30_000);
  clock.advance(30_000 + limits.answerMs);
  await drained;
  const stopped = pool.stop();
  clock.advance(limits.stopMs);
  await stopped;
  expect(threads[0]!.terminated).toBe(true);
});

test('a worker that does not stop is ended', async () => {
  const { pool, threads, clock } = start(2);
  const stopped = pool.stop();
  expect(threads.map(({ got }) => got.at(-1))).toEqual([{ type: 'stop' }, { type: 'stop' }]);
  threads[0]!.events.onEnd('it ended with code 0');
  clock.advance(limits.stopMs);
  await stopped;
  expect(threads.map(({ terminated }) => terminated)).toEqual([false, true]);
});

test('log lines of all workers go to one file, a batch at a time, and each is told when its own is written', async () => {
  const { threads, written } = start(2);
  const lines = (thread: FakeThread, number: number, text: string): void =>
    thread.events.onMessage({ type: 'lines', number, path: 'x.log', batch: Buffer.from(text), lines: 1 });
  lines(threads[0]!, 1, 'one');
  lines(threads[1]!, 1, 'two');
  await expect.poll(() => threads[1]!.got.at(-1)).toEqual({ type: 'written', number: 1 });
  expect(threads[0]!.got.at(-1)).toEqual({ type: 'written', number: 1 });
  threads[0]!.events.onMessage({ type: 'linesEnd', path: 'x.log' });
  lines(threads[1]!, 2, 'three');
  threads[1]!.events.onEnd('boom');
  await expect.poll(() => written).toEqual(['x.log 1 one', 'x.log 1 two', 'x.log 1 three', 'x.log closed']);
});
