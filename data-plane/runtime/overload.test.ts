import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { nodeLimits } from '../limits.ts';
import { startProxy, startRawUpstream, talk } from '../proxy-testing.ts';
import { overloadStats } from '../telemetry/stats.ts';
import { clusterOf } from '../testing.ts';
import { LoopDelay } from './loop-delay.ts';
import { measuresFor } from './overload.ts';
import { watchOverload } from './overload-watch.ts';

const calm = { memoryShare: 0.5, loopDelayMs: 5, busyShare: 1 };

test.each([
  [calm, { shedsIdle: false, stopsAccepting: false, refusedShare: 0 }],
  [
    { ...calm, memoryShare: 0.949 },
    { shedsIdle: false, stopsAccepting: false },
  ],
  [
    { ...calm, memoryShare: 0.95 },
    { shedsIdle: true, stopsAccepting: false },
  ],
  [
    { ...calm, memoryShare: 0.98 },
    { shedsIdle: true, stopsAccepting: true },
  ],
  [{ ...calm, loopDelayMs: 100 }, { refusedShare: 0 }],
  [{ ...calm, loopDelayMs: 140 }, { refusedShare: 0.1 }],
  [{ ...calm, loopDelayMs: 300 }, { refusedShare: 0.5 }],
  [{ ...calm, loopDelayMs: 500 }, { refusedShare: 1 }],
  [{ ...calm, loopDelayMs: 5_000 }, { refusedShare: 1 }],
  [{ ...calm, loopDelayMs: 5_000, busyShare: 0.89 }, { refusedShare: 0 }],
])('at %j the measures are %j', (readings, expected) => {
  const { refusedShare, ...measures } = measuresFor(readings, nodeLimits);
  expect({ ...measures, refusedShare: Number(refusedShare.toFixed(6)) }).toMatchObject(expected);
});

test('limits are those of the operator; a delay of 0 is none', () => {
  const limits = { ...nodeLimits, shedIdlePercent: 50, stopAcceptingPercent: 60, loopDelayMs: 10 };
  expect(measuresFor({ ...calm, memoryShare: 0.6, loopDelayMs: 50 }, limits)).toEqual({
    shedsIdle: true,
    stopsAccepting: true,
    refusedShare: 1,
  });
  expect(measuresFor({ ...calm, loopDelayMs: 9_999 }, { ...nodeLimits, loopDelayMs: 0 }).refusedShare).toBe(0);
  const throttled = { ...calm, loopDelayMs: 500, busyShare: 0.4 };
  expect(measuresFor(throttled, { ...nodeLimits, loopBusyPercent: 40 }).refusedShare).toBe(1);
});

test('a pause or two among two hundred samples are no delay, a third one is', () => {
  const delay = new LoopDelay(200);
  for (let i = 0; i < 1_000; i++) delay.add(1);
  delay.add(900);
  delay.add(800);
  expect(delay.p99Ms).toBe(1);
  delay.add(700);
  expect(delay.p99Ms).toBe(700);
  for (let i = 0; i < 200; i++) delay.add(2);
  expect(delay.p99Ms).toBe(2);
});

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** A proxy under watch, with readings that the test sets. */
async function start() {
  const upstream = await startRawUpstream((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
  const proxy = await startProxy({ cluster: clusterOf([upstream.port]) });
  running.push(upstream, proxy);
  const readings = { memoryShare: 0.1, busyShare: 1 };
  const logged: string[] = [];
  const log = (_: object, message: string): void => void logged.push(message);
  const stats = overloadStats(proxy.registry);
  watchOverload({
    limits: nodeLimits,
    now: proxy.clock.now,
    setTimer: proxy.clock.setTimer,
    memoryShare: () => readings.memoryShare,
    busyShare: () => readings.busyShare,
    shared: proxy.shared,
    gate: proxy.gate,
    listeners: proxy.server,
    stats,
    logger: { info: log, warn: log, error: log },
  });
  return { proxy, readings, stats, logged };
}

const get = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
const ask = (port: number): Promise<string> => talk(port, get, (answer) => answer.includes('\r\n\r\n'));

test('without memory idle connections end, then none is let in, until there is some again', async () => {
  const { proxy, readings, stats, logged } = await start();
  const { server, clock } = proxy;
  const idle = net.connect(proxy.port, '127.0.0.1');
  const busy = net.connect(proxy.port, '127.0.0.1');
  let ended = false;
  idle.on('end', () => {
    ended = true;
  });
  busy.write('GET / HTTP/1.1\r\n');
  await until(() => server.connectionCount === 2 && server.stats.cxRxBytesTotal.value > 0);
  readings.memoryShare = 0.96;
  clock.advance(250);
  await until(() => ended && server.connectionCount === 1);
  expect(stats.shedsIdle.value).toBe(1);
  expect(stats.memoryPressure.value).toBe(96);
  expect(await ask(proxy.port)).toContain('200 OK');

  readings.memoryShare = 0.99;
  clock.advance(250);
  expect(await ask(proxy.port)).toBe('');
  expect(server.listenerStats.cxOverloadReject.value).toBe(1);
  expect(stats.stopsAccepting.value).toBe(1);

  readings.memoryShare = 0.5;
  clock.advance(250);
  expect(await ask(proxy.port)).toContain('200 OK');
  // what was under way goes on through all of it
  let answer = '';
  busy.on('data', (chunk) => {
    answer += chunk.toString('latin1');
  });
  busy.write('host: a\r\n\r\n');
  await until(() => answer.includes('200 OK'));
  busy.destroy();
  expect(logged).toEqual(['overloaded: see docs/limits.md', 'overloaded: see docs/limits.md', 'no longer overloaded']);
});

test('while the event loop is late requests are refused, and again served when it no longer is', async () => {
  const { proxy, readings, stats } = await start();
  const { server, clock } = proxy;
  /** The loop does something else for so long, so that every timer comes late. */
  const stall = (ms: number, times: number): void => {
    for (let i = 0; i < times; i++) {
      clock.nowMs += ms;
      clock.advance(0);
    }
  };
  stall(600, 3);
  clock.advance(250);
  expect(stats.loopDelayMs.value).toBeGreaterThan(500);
  expect(stats.refusedPercent.value).toBe(0);
  clock.advance(1_250);
  expect(stats.refusedPercent.value).toBe(100);
  const answer = await ask(proxy.port);
  expect(answer).toContain('HTTP/1.1 503 Service Unavailable\r\n');
  expect(answer).not.toContain('connection: close');
  expect(proxy.log.at(-1)).toMatchObject({ status: 503, flags: 'OM', details: 'overload', upstreamHost: '' });
  expect(server.stats.rqOverloadClose.value).toBe(1);

  // late, but not busy: the thread waits for a core
  readings.busyShare = 0.2;
  clock.advance(500);
  expect(await ask(proxy.port)).toContain('200 OK');
  readings.busyShare = 1;
  clock.advance(2_000);
  expect(stats.refusedPercent.value).toBe(100);

  clock.advance(3_000);
  expect(stats.refusedPercent.value).toBe(0);
  expect(await ask(proxy.port)).toContain('200 OK');
});
