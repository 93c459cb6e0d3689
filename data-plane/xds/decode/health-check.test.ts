import { expect, test } from 'vitest';
import type { Cluster, HealthCheck } from '../../../proto/envoy.ts';
import { decodeCluster } from './cluster.ts';
import { any, edsCluster, httpOptionsName, problemsOf, refusals, seconds, taken } from './testing.ts';

const times = { timeout: seconds(2), interval: seconds(5) };
const thresholds = { unhealthy_threshold: { value: 3 }, healthy_threshold: { value: 2 } };

const config = (patch: Partial<Cluster>) => taken(decodeCluster(edsCluster(patch))).config;

test('an HTTP health check asks the cluster by name and expects 200, if it says nothing else', () => {
  const check = { ...times, ...thresholds, interval_jitter_percent: 10, http_health_check: { path: '/healthz' } };
  expect(config({ health_checks: [check] }).healthCheck).toEqual({
    check: {
      type: 'http',
      path: '/healthz',
      host: 'checkout/orders',
      http2: false,
      method: 'GET',
      expect: [{ start: 200, end: 201 }],
      ...{ retriable: [], headers: [], receive: [] },
    },
    intervalMs: 5_000,
    timeoutMs: 2_000,
    unhealthyThreshold: 3,
    healthyThreshold: 2,
    jitterPercent: 10,
    ...{ jitterMs: 0, initialJitterMs: 0, noTrafficIntervalMs: null },
  });
});

test('a TCP health check has its payloads in hex, and its jitter may be a time', () => {
  const tcp_health_check = { send: { text: '50494e47' }, receive: [{ text: '504f' }, { binary: Buffer.from('NG') }] };
  const check = { ...times, ...thresholds, interval_jitter: seconds(1), tcp_health_check };
  expect(config({ health_checks: [check] }).healthCheck).toMatchObject({
    check: { type: 'tcp', send: bytes('PING'), receive: [bytes('PO'), bytes('NG')] },
    ...{ jitterPercent: 0, jitterMs: 1_000 },
  });
});

const bytes = (text: string) => new TextEncoder().encode(text);

const http = (http_health_check: NonNullable<HealthCheck['http_health_check']>): Partial<Cluster> => ({
  health_checks: [{ ...times, ...thresholds, http_health_check }],
});
const added = (key: string, value: string) => ({ header: { key, value } });

test('an HTTP health check may say everything', () => {
  const patch = http({
    ...{ path: '/healthz', host: 'a', method: 'HEAD', codec_client_type: 'HTTP2' },
    expected_statuses: [{ start: 200, end: 300 }],
    retriable_statuses: [{ start: 500, end: 501 }],
    receive: [{ text: '4f4b' }],
    response_buffer_size: { value: 0 },
    request_headers_to_add: [added('X-Probe', '100%%'), added('empty', '')],
  });
  expect(config(patch).healthCheck?.check).toEqual({
    ...{ type: 'http', path: '/healthz', host: 'a', method: 'HEAD', http2: true },
    expect: [{ start: 200, end: 300 }],
    retriable: [{ start: 500, end: 501 }],
    receive: [bytes('OK')],
    receiveBytes: 0,
    headers: [{ name: 'x-probe', value: '100%' }],
  });
});

const http2 = {
  typed_extension_protocol_options: {
    [httpOptionsName]: any(httpOptionsName, { explicit_http_config: { http2_protocol_options: {} } }),
  },
};

test.each([
  [{}, { type: 'grpc', service: '', authority: 'checkout/orders' }],
  [
    { service_name: 'shop.Orders', authority: 'orders' },
    { type: 'grpc', service: 'shop.Orders', authority: 'orders' },
  ],
])('gRPC health checks: %j', (grpc_health_check, expected) => {
  const patch = { ...http2, health_checks: [{ ...times, ...thresholds, grpc_health_check }] };
  expect(config(patch).healthCheck?.check).toEqual(expected);
});

test('the first check may wait, and those before the first traffic have an interval of their own', () => {
  const waits = { initial_jitter: seconds(3), no_traffic_interval: seconds(60) };
  const patch = { health_checks: [{ ...times, ...thresholds, ...waits, tcp_health_check: {} }] };
  expect(config(patch).healthCheck).toMatchObject({ initialJitterMs: 3_000, noTrafficIntervalMs: 60_000 });
});

test.each([
  [{ unhealthy_interval: seconds(1) }, { unhealthyMs: 1_000, unhealthyEdgeMs: 1_000, healthyEdgeMs: 5_000 }],
  [{ unhealthy_edge_interval: seconds(2) }, { unhealthyMs: 5_000, unhealthyEdgeMs: 2_000, healthyEdgeMs: 5_000 }],
  [{ healthy_edge_interval: seconds(3) }, { unhealthyMs: 5_000, unhealthyEdgeMs: 5_000, healthyEdgeMs: 3_000 }],
])('an interval may depend on how checks go: %j', (said, intervals) => {
  const patch = { health_checks: [{ ...times, ...thresholds, ...said, tcp_health_check: {} }] };
  expect(config(patch).healthCheck?.intervals).toEqual(intervals);
});

const unsupported = 'not supported by this data plane';
test.each(
  refusals<Partial<Cluster>>(
    [{ health_checks: [{ ...times, ...thresholds }] }, ['health_checks[0]: says no health checker']],
    [
      { health_checks: [{ ...times, ...thresholds, http_health_check: { path: '/', codec_client_type: 'HTTP3' } }] },
      [`health_checks[0].http_health_check.codec_client_type: "HTTP3" is ${unsupported}`],
    ],
    [
      { health_checks: [{ tcp_health_check: {} }] },
      [
        'health_checks[0].interval: must be set',
        'health_checks[0].timeout: must be set',
        'health_checks[0].unhealthy_threshold: must be set',
        'health_checks[0].healthy_threshold: must be set',
      ],
    ],
    [
      {
        health_checks: [
          {
            ...times,
            ...thresholds,
            http_health_check: {
              ...{ path: '/a b\r\n', expected_statuses: [{ start: 300, end: 200 }], method: 'CONNECT' },
              retriable_statuses: [{ start: 99, end: 200 }],
            },
          },
        ],
      },
      [
        'health_checks[0].http_health_check.path: must not hold spaces or control characters',
        `health_checks[0].http_health_check.method: CONNECT is ${unsupported}`,
        'health_checks[0].http_health_check.expected_statuses[0]: must be a range [start, end) within [100, 600)',
        'health_checks[0].http_health_check.retriable_statuses[0]: must be a range [start, end) within [100, 600)',
      ],
    ],
    [
      { health_checks: [{ ...times, ...thresholds, tcp_health_check: { send: { text: 'PING' } } }] },
      ['health_checks[0].tcp_health_check.send.text: must be pairs of hex digits'],
    ],
    [
      { health_checks: [1, 2].map(() => ({ ...times, ...thresholds, tcp_health_check: {} })) },
      [`health_checks: more than one health check is ${unsupported}`],
    ],
    [
      http({
        path: '/',
        ...{ send: { text: '00' }, request_headers_to_remove: ['user-agent'] },
        request_headers_to_add: [added('Host', 'a'), added('a b', ''), added('a', '%PROTOCOL%'), added('b', 'ä')],
      }),
      [
        `send: ${unsupported}`,
        `request_headers_to_remove: ${unsupported}`,
        `request_headers_to_add[0].header.key: to change host is ${unsupported}`,
        'request_headers_to_add[1].header.key: must be the name of a header',
        `request_headers_to_add[2].header.value: a variable is ${unsupported}`,
        'request_headers_to_add[3].header.value: must hold visible ASCII characters alone',
      ].map((problem) => `health_checks[0].http_health_check.${problem}`),
    ],
    [
      { ...http2, health_checks: [{ ...times, ...thresholds, grpc_health_check: { initial_metadata: [{}] } }] },
      [`health_checks[0].grpc_health_check.initial_metadata: ${unsupported}`],
    ],
  ),
)('a health check is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeCluster(edsCluster(patch)))).toEqual(expected);
});
