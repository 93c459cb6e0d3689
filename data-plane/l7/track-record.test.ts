/** What answers leave in the track record of their endpoint, over real sockets. */
import { afterEach, expect, test } from 'vitest';
import type { PolicyConfig, RetryConfig } from '../model/config.ts';
import { startProxy, startRawUpstream, talk } from '../proxy-testing.ts';
import { balanceOf, clusterOf, routeOf } from '../testing.ts';
import { startH2Upstream } from './testing-http2.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

const utilization: PolicyConfig = {
  ...{ type: 'utilization', choices: 2, reportExpiryMs: 10_000, probationMs: 10_000, probationRequests: 1 },
};
const retry: RetryConfig = {
  failures: [],
  statuses: [{ start: 503, end: 504 }],
  grpcStatuses: [],
  attempts: 1,
  perTryTimeoutMs: 0,
  backoff: { baseMs: 1, maxMs: 1 },
  hostSelections: 0,
  methods: null,
};
const get = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';
const never = Number.NEGATIVE_INFINITY;

/** Asks once, of endpoints that answer so in turn; their record after that, and the answer. */
async function recordAfter(answers: readonly string[], policy = utilization, again: RetryConfig | null = null) {
  let asked = 0;
  const upstream = await startRawUpstream((socket, all) => {
    if (!all.toString('latin1').endsWith('\r\n\r\n')) return;
    const head = answers[asked++]!;
    if (head === '') socket.resetAndDestroy();
    else socket.end(`HTTP/1.1 ${head}\r\ncontent-length: 2\r\n\r\nok`);
  });
  running.push(upstream);
  const proxy = await startProxy({
    cluster: clusterOf([upstream.port], { balance: balanceOf(policy) }),
    routes: [routeOf('c', { retry: again })],
  });
  running.push(proxy);
  const timer = setInterval(() => proxy.clock.advance(1), 1);
  const answer = await talk(proxy.port, get, () => false);
  clearInterval(timer);
  return { record: proxy.cluster.hosts[0]!.record, answer };
}

const said = 'endpoint-load-metrics: TEXT cpu_utilization=0.5';

test('a report in the head of an answer counts, and passes on', async () => {
  const { record, answer } = await recordAfter([`200 OK\r\n${said}`]);
  expect(record).toMatchObject({ utilization: 0.5, successShare: 1, failedAtMs: never });
  expect(record.reportedAtMs).toBeGreaterThanOrEqual(1_000);
  expect(answer).toContain(said);
});

test('so does one in an answer that is tried again, which is a failure', async () => {
  const { record, answer } = await recordAfter([`503 X\r\n${said}`, '200 OK'], utilization, retry);
  expect(answer).toMatch(/^HTTP\/1.1 200/);
  expect(record.utilization).toBe(0.5);
  expect(record.successShare).toBeLessThan(1);
  expect(record.failedAtMs).toBeGreaterThanOrEqual(1_000);
});

test.each([
  ['500 X', true],
  ['', true],
  ['499 X', false],
])('an answer of "%s" is a failure: %s', async (head, failed) => {
  const { record } = await recordAfter([head]);
  expect(record.failedAtMs > never).toBe(failed);
});

test('where the policy does not go by it nothing is read or kept', async () => {
  const { record } = await recordAfter([`500 X\r\n${said}`], { type: 'round-robin' });
  expect(record).toMatchObject({ utilization: -1, reportedAtMs: 0, successShare: 1, failedAtMs: never });
});

test('a report in the trailers counts', async () => {
  const upstream = await startH2Upstream({
    onWhole: ({ stream }) => {
      stream.headers([[':status', '200']], false);
      stream.trailers([
        ['grpc-status', '0'],
        ['endpoint-load-metrics-bin', 'CQAAAAAAANA/'],
      ]);
    },
  });
  running.push(upstream);
  const proxy = await startProxy({
    cluster: clusterOf([upstream.port], { protocol: 'http2', balance: balanceOf(utilization) }),
  });
  running.push(proxy);
  await talk(proxy.port, get, () => false);
  expect(proxy.cluster.hosts[0]!.record.utilization).toBe(0.25);
});
