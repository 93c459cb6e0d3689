/** Reports of health to a scripted control plane: what is told, how fast, and when it is left alone. */
import { expect, onTestFinished, test } from 'vitest';
import { durationOf } from '../../proto/codec.ts';
import type { HealthReport } from '../../proto/envoy.ts';
import { HealthReporter } from './health-reporter.ts';
import { limits } from './limits.ts';
import type { ToldEndpoint } from './ports.ts';
import { methods } from './stream.ts';
import { type ReportStream, startReports } from './testing-reports.ts';

async function start(takesReports = true) {
  const names = ['fairlead.report.v1.HealthReport', 'fairlead.report.v1.HealthReportRequest'] as const;
  const { streams, timers, events, deps } = await startReports(methods.health, ...names, takesReports);
  const world = { nowMs: 0, picture: new Map<string, Map<string, ToldEndpoint>>() };
  const reporter = new HealthReporter({
    ...deps,
    look: () => new Map([...world.picture].map(([name, endpoints]) => [name, new Map(endpoints)])),
    now: () => world.nowMs,
  });
  onTestFinished(() => reporter.close());
  reporter.start();
  /** A second later. */
  const look = (): void => {
    world.nowMs += limits.healthLookMs;
    expect(timers.fireAll(limits.healthLookMs)).toBe(1);
  };
  return { streams, timers, events, world, look };
}

/** So many milliseconds. */
const every = (ms: number) => ({ interval: durationOf(ms) });

type HealthStream = ReportStream<'fairlead.report.v1.HealthReport', 'fairlead.report.v1.HealthReportRequest'>;
type Running = Awaited<ReturnType<typeof start>>;

/** Looks until the reporter, which hears of the request in its own time, sends something. */
async function firstReport({ look }: Running, stream: HealthStream): Promise<HealthReport> {
  const report = stream.reports.take();
  let isThere = false;
  void report.then(() => {
    isThere = true;
  });
  while (!isThere) {
    look();
    await new Promise(setImmediate);
  }
  return report;
}

const told = (state: ToldEndpoint['state'], sinceMs: number, reason = ''): ToldEndpoint => ({ state, sinceMs, reason });

test('it says who it is; once asked it tells all, then what changes, and that only', async () => {
  const running = await start();
  const { streams, world, look } = running;
  const endpoints = new Map([
    ['10.0.0.1:80', told('healthy', 0)],
    ['10.0.0.2:80', told('slow-start', 0)],
  ]);
  world.picture.set('orders', endpoints);
  const stream = await streams.take();
  expect((await stream.reports.take()).node).toMatchObject({ id: 'n1', cluster: 'edge' });
  stream.ask(every(1_000));
  const all = await firstReport(running, stream);
  expect(
    all.clusters?.map(({ name, endpoints: list }) => [name, list?.map(({ address, state }) => [address, state])]),
  ).toEqual([
    [
      'orders',
      [
        ['10.0.0.1:80', 'HEALTHY'],
        ['10.0.0.2:80', 'SLOW_START'],
      ],
    ],
  ]);
  look();
  endpoints.set('10.0.0.1:80', told('unhealthy', world.nowMs - 2_500, 'health check: status 503'));
  endpoints.delete('10.0.0.2:80');
  look();
  const age = { seconds: 3, nanos: 500_000_000 };
  expect(await stream.reports.take()).toEqual({
    clusters: [
      {
        name: 'orders',
        endpoints: [{ address: '10.0.0.1:80', state: 'UNHEALTHY', age, reason: 'health check: status 503' }],
        gone: ['10.0.0.2:80'],
      },
    ],
  });
});

test('it reports no faster than it is asked to, and loses nothing meanwhile', async () => {
  const running = await start();
  const { streams, world, look } = running;
  const endpoints = new Map([['10.0.0.1:80', told('healthy', 0)]]);
  world.picture.set('orders', endpoints);
  const stream = await streams.take();
  await stream.reports.take();
  stream.ask(every(3_000));
  await firstReport(running, stream);
  const set = (state: ToldEndpoint['state']): void => {
    endpoints.set('10.0.0.1:80', told(state, world.nowMs));
    look();
  };
  for (let i = 0; i < 9; i++) set(i % 2 === 0 ? 'unhealthy' : 'healthy');
  for (let i = 0; i < 3; i++) set('draining');
  let reports = 1;
  while ((await stream.reports.take()).clusters?.[0]?.endpoints?.[0]?.state !== 'DRAINING') reports++;
  expect(reports).toBeLessThanOrEqual(4);
});

test('a picture that is too large for one message comes in several', async () => {
  const running = await start();
  const { streams, world } = running;
  const many = limits.healthEndpointsAMessage + 1;
  const entries = (): Map<string, ToldEndpoint> =>
    new Map(Array.from({ length: many }, (_, i) => [`10.0.${i >> 8}.${i & 255}:80`, told('healthy', 0)]));
  world.picture.set('a', entries()).set('b', entries());
  const stream = await streams.take();
  await stream.reports.take();
  stream.ask(every(1_000));
  const sizes = [await firstReport(running, stream), await stream.reports.take(), await stream.reports.take()].map(
    ({ clusters = [] }) => clusters.map(({ name, endpoints }) => [name, endpoints?.length]),
  );
  expect(sizes).toEqual([
    [['a', many - 1]],
    [
      ['a', 1],
      ['b', many - 2],
    ],
    [['b', 2]],
  ]);
});

test('a new stream is told everything anew', async () => {
  const running = await start();
  const { streams, world, events, timers } = running;
  world.picture.set('orders', new Map([['10.0.0.1:80', told('healthy', 0)]]));
  const first = await streams.take();
  await first.reports.take();
  first.ask(every(1_000));
  await firstReport(running, first);
  first.end();
  expect(await events.take()).toBe('health_stream_ended');
  timers.fire([...timers.pending].find(({ ms }) => ms !== limits.healthLookMs)!);
  const second = await streams.take();
  expect((await second.reports.take()).node?.id).toBe('n1');
  second.ask(every(1_000));
  expect((await firstReport(running, second)).clusters?.[0]?.endpoints).toHaveLength(1);
});

test('a control plane that takes no reports is asked again much later, without a warning', async () => {
  const { timers, events } = await start(false);
  expect(await events.take()).toBe('health_unsupported');
  timers.fire(await timers.awaitSet(limits.askAgainMs));
  expect(await events.take()).toBe('health_unsupported');
});
