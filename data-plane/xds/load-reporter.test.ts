/** Load reports to a scripted control plane: what is counted, when it is sent, and when it is left alone. */
import { expect, onTestFinished, test } from 'vitest';
import { durationOf } from '../../proto/codec.ts';
import type { LoadStatsResponse } from '../../proto/envoy.ts';
import { LoadReporter } from './load-reporter.ts';
import type { CountedCluster, CountedLoad } from './ports.ts';
import { methods } from './stream.ts';
import { startReports } from './testing-reports.ts';

async function start(clusters: readonly CountedCluster[], takesReports = true) {
  const service = 'envoy.service.load_stats.v3';
  const names = [`${service}.LoadStatsRequest`, `${service}.LoadStatsResponse`] as const;
  const { deps, ...running } = await startReports(methods.load, ...names, takesReports);
  const reporter = new LoadReporter({ ...deps, clusters: () => clusters });
  onTestFinished(() => reporter.close());
  reporter.start();
  return { ...running, reporter };
}

const load = (zone: string): { -readonly [K in keyof CountedLoad]: CountedLoad[K] } => ({
  zone,
  issued: 0,
  successful: 0,
  errors: 0,
  inProgress: 0,
});

const everything = (ms: number): LoadStatsResponse => ({
  send_all_clusters: true,
  load_reporting_interval: durationOf(ms),
});

test('it says who it is and what it can, then reports what is new, in the interval asked for', async () => {
  const a = load('z1');
  const { streams, timers } = await start([
    { name: 'web', localities: [a, load('z2')] },
    { name: 'idle', localities: [load('')] },
  ]);
  const stream = await streams.take();
  expect(stream.token).toBe('Bearer secret');
  expect((await stream.reports.take()).node).toMatchObject({
    id: 'n1',
    cluster: 'edge',
    client_features: ['envoy.lrs.supports_send_all_clusters'],
  });
  // requests from before the control plane asked count as well
  Object.assign(a, { issued: 5, successful: 2, errors: 1, inProgress: 2 });
  stream.ask(everything(2_500));
  timers.fire(await timers.awaitSet(2_500));
  expect((await stream.reports.take()).cluster_stats).toEqual([
    {
      cluster_name: 'web',
      load_report_interval: { seconds: 2, nanos: 500_000_000 },
      upstream_locality_stats: [
        {
          locality: { zone: 'z1' },
          total_issued_requests: 5,
          total_successful_requests: 2,
          total_error_requests: 1,
          total_requests_in_progress: 2,
        },
      ],
    },
  ]);
  Object.assign(a, { issued: 6, successful: 5, inProgress: 0 });
  timers.fire(await timers.awaitSet(2_500));
  expect((await stream.reports.take()).cluster_stats?.[0]?.upstream_locality_stats).toMatchObject([
    { total_issued_requests: 1, total_successful_requests: 3 },
  ]);
  timers.fire(await timers.awaitSet(2_500));
  expect(await stream.reports.take()).toEqual({});
});

test('only the clusters that are asked for are reported; the others keep their counts', async () => {
  const [a, b] = [load(''), load('')];
  const { streams, timers } = await start([
    { name: 'a', localities: [a] },
    { name: 'b', localities: [b] },
  ]);
  a.issued = b.issued = 3;
  const stream = await streams.take();
  await stream.reports.take();
  const load_reporting_interval = durationOf(10_000);
  stream.ask({ clusters: ['b'], load_reporting_interval });
  timers.fire(await timers.awaitSet(10_000));
  expect((await stream.reports.take()).cluster_stats?.map(({ cluster_name }) => cluster_name)).toEqual(['b']);
  stream.ask(everything(20_000));
  timers.fire(await timers.awaitSet(20_000));
  expect((await stream.reports.take()).cluster_stats).toMatchObject([
    { cluster_name: 'a', upstream_locality_stats: [{ total_issued_requests: 3 }] },
  ]);
});

test.each([
  ['none', 0, 1_000],
  ['a millisecond', 1, 1_000],
  ['a year', 365 * 86_400_000, 3_600_000],
])('an interval of %s is brought within bounds', async (_what, askedMs, keptMs) => {
  const { streams, timers } = await start([]);
  const stream = await streams.take();
  stream.ask(everything(askedMs));
  await timers.awaitSet(keptMs);
});

test('a stream that breaks loses no count: the next one goes on', async () => {
  const a = load('');
  const { streams, timers, events } = await start([{ name: 'a', localities: [a] }]);
  const first = await streams.take();
  a.issued = 2;
  first.ask(everything(10_000));
  timers.fire(await timers.awaitSet(10_000));
  a.issued = 5;
  await first.reports.take();
  await first.reports.take();
  first.end();
  expect(await events.take()).toBe('lrs_stream_ended');
  timers.fire([...timers.pending][0]!);
  const second = await streams.take();
  expect((await second.reports.take()).node?.id).toBe('n1');
  second.ask(everything(10_000));
  timers.fire(await timers.awaitSet(10_000));
  expect((await second.reports.take()).cluster_stats).toMatchObject([
    { upstream_locality_stats: [{ total_issued_requests: 3 }] },
  ]);
});

test('a control plane that takes no load reports is asked once, without a warning', async () => {
  const { timers, events } = await start([], false);
  expect(await events.take()).toBe('lrs_unsupported');
  expect(timers.pending.size).toBe(0);
});
