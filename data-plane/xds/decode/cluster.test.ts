import { expect, test } from 'vitest';
import type { Cluster } from '../../../proto/envoy.ts';
import { balanceOf } from '../../testing.ts';
import { decodeCluster } from './cluster.ts';

import { ads, any, edsCluster, httpOptionsName, lbEndpoint, problemsOf, refusals, seconds, taken } from './testing.ts';

const unsupported = 'not supported by this data plane';

const config = (patch: Partial<Cluster>) => taken(decodeCluster(edsCluster(patch))).config;

test("what a cluster does not say has Envoy's defaults", () => {
  expect(taken(decodeCluster(edsCluster()))).toEqual({
    name: 'checkout/orders',
    config: {
      name: 'checkout/orders',
      protocol: 'tcp',
      proxyHeader: null,
      connectTimeoutMs: 5_000,
      balance: balanceOf({ type: 'round-robin' }),
      healthCheck: null,
      outlierDetection: null,
      breakers: {
        ...{ connections: 1_024, pending: 1_024, requests: 1_024 },
        connectionsPerEndpoint: Number.POSITIVE_INFINITY,
      },
      dns: null,
      keepAlive: { maxIdle: Number.POSITIVE_INFINITY, idleTimeoutMs: 3_600_000, maxRequests: 0 },
      http2: { maxStreams: 1_024, streamWindowBytes: 65_536, connectionWindowBytes: 67_108_864 },
      retryBudget: { percent: 0, least: 3 },
    },
    endpoints: { type: 'eds', from: { name: 'checkout/orders', fetchTimeoutMs: null } },
  });
});

test('decoded values are frozen to the last part', () => {
  const { config, endpoints } = taken(decodeCluster(edsCluster()));
  expect([config, config.keepAlive, endpoints].every(Object.isFrozen)).toBe(true);
});

test('HTTP protocol options make an HTTP cluster and say how long connections are kept', () => {
  const options = any(httpOptionsName, {
    explicit_http_config: { http_protocol_options: {} },
    common_http_protocol_options: { idle_timeout: seconds(60), max_requests_per_connection: { value: 100 } },
  });
  expect(config({ typed_extension_protocol_options: { [httpOptionsName]: options } })).toMatchObject({
    protocol: 'http1',
    keepAlive: { idleTimeoutMs: 60_000, maxRequests: 100 },
  });
});

const keeping = (fields: object): Partial<Cluster> => ({
  metadata: { filter_metadata: { 'fairlead.keep-alive': { fields } } } as never,
});

test('how many idle connections are kept stands in the metadata', () => {
  expect(config(keeping({ connections: { numberValue: 128 } })).keepAlive.maxIdle).toBe(128);
  const place = 'metadata.filter_metadata["fairlead.keep-alive"]';
  expect(problemsOf(decodeCluster(edsCluster(keeping({ connection: { numberValue: 1 } }))))).toEqual([
    `${place}.connection: ${unsupported}`,
    `${place}.connections: must be a whole number of 0 or more`,
  ]);
});

const window = { value: 65_535 };
test.each([
  [
    'one that says no more',
    { explicit_http_config: { http2_protocol_options: {} } },
    'http2',
    1_024,
    65_536,
    67_108_864,
  ],
  [
    'one that says everything',
    {
      explicit_http_config: {
        http2_protocol_options: {
          max_concurrent_streams: { value: 7 },
          ...{ initial_stream_window_size: window, initial_connection_window_size: window },
          override_stream_error_on_invalid_http_message: { value: true },
        },
      },
    },
    ...(['http2', 7, 65_535, 65_535] as const),
  ],
  [
    'one that speaks as its clients do',
    { use_downstream_protocol_config: { http2_protocol_options: { max_concurrent_streams: { value: 7 } } } },
    ...(['same-as-client', 7, 65_536, 67_108_864] as const),
  ],
] as const)('HTTP/2: %s', (_, options, protocol, maxStreams, streamWindowBytes, connectionWindowBytes) => {
  const typed_extension_protocol_options = { [httpOptionsName]: any(httpOptionsName, options) };
  const http2 = { maxStreams, streamWindowBytes, connectionWindowBytes };
  expect(config({ typed_extension_protocol_options })).toMatchObject({ protocol, http2 });
});

test('the older fields of a cluster say the same', () => {
  expect(config({ http2_protocol_options: { max_concurrent_streams: { value: 7 } } })).toMatchObject({
    protocol: 'http2',
    http2: { maxStreams: 7 },
  });
  expect(
    config({
      http_protocol_options: {},
      common_http_protocol_options: { idle_timeout: seconds(0) },
      max_requests_per_connection: { value: 7 },
    }),
  ).toMatchObject({ protocol: 'http1', keepAlive: { idleTimeoutMs: 0, maxRequests: 7 } });
});

test('a static cluster brings its endpoints', () => {
  const value = taken(
    decodeCluster(
      edsCluster({
        type: 'STATIC',
        eds_cluster_config: null,
        load_assignment: { endpoints: [{ lb_endpoints: [lbEndpoint('10.0.0.1', 80)] }] },
      }),
    ),
  );
  expect(value.endpoints).toMatchObject({ type: 'inline', assignment: { endpoints: [{ key: '10.0.0.1:80' }] } });
});

test('endpoints are asked for by service name, and no longer than the source says', () => {
  const eds_cluster_config = {
    eds_config: { self: {}, initial_fetch_timeout: seconds(1) },
    service_name: 'orders-v2',
  };
  expect(taken(decodeCluster(edsCluster({ eds_cluster_config }))).endpoints).toEqual({
    type: 'eds',
    from: { name: 'orders-v2', fetchTimeoutMs: 1_000 },
  });
});

test('what changes nothing that a request could see is passed over', () => {
  const harmless: Partial<Cluster> = {
    alt_stat_name: 'orders',
    metadata: {},
    dns_lookup_family: 'V4_ONLY',
    per_connection_buffer_limit_bytes: { value: 32_768 },
    circuit_breakers: { thresholds: [{ max_requests: { value: 4_294_967_295 }, max_retries: { value: 3 } }] },
    transport_socket: {
      name: 'raw',
      typed_config: {
        type_url: 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer',
        value: Buffer.of(),
      },
    },
  };
  expect(problemsOf(decodeCluster(edsCluster(harmless)))).toEqual([]);
});

test.each(
  refusals<Partial<Cluster>>(
    [{ name: '' }, ['name: must not be empty']],
    [{ type: 'ORIGINAL_DST', eds_cluster_config: null }, [`type: ORIGINAL_DST is ${unsupported}`]],
    [{ type: 'STATIC' }, ['eds_cluster_config: belongs to clusters of type EDS only']],
    [{ type: 99 as never, eds_cluster_config: null }, [`type: 99 is ${unsupported}`]],
    [{ cluster_type: { name: 'aggregate' } }, [`cluster_type: "aggregate" is ${unsupported}`]],
    [
      { eds_cluster_config: { eds_config: { path: '/etc/eds' } } },
      ['eds_cluster_config.eds_config: only ads and self are supported by this data plane'],
    ],
    [{ eds_cluster_config: null }, ['eds_cluster_config.eds_config: must be set']],
    [
      { eds_cluster_config: { eds_config: { ...ads, resource_api_version: 'V2' } } },
      [`eds_cluster_config.eds_config.resource_api_version: "V2" is ${unsupported}`],
    ],
    [{ load_assignment: {} }, ['load_assignment: does not belong to a cluster of type EDS']],
    [{ connect_timeout: seconds(0) }, ['connect_timeout: must be more than 0']],
    [{ connect_timeout: { seconds: -1 } }, ['connect_timeout: must be a duration of 0 or more']],
    [
      { transport_socket: { name: 'envoy.transport_sockets.tls' } },
      [`transport_socket: "envoy.transport_sockets.tls" is ${unsupported}`],
    ],
    [
      {
        typed_extension_protocol_options: {
          [httpOptionsName]: any(httpOptionsName, {
            explicit_http_config: { http2_protocol_options: { allow_metadata: true, max_concurrent_streams: {} } },
          }),
        },
      },
      ['allow_metadata: ' + unsupported, 'max_concurrent_streams: must be between 1 and 2147483647'].map(
        (problem) =>
          `typed_extension_protocol_options["${httpOptionsName}"].explicit_http_config.http2_protocol_options.${problem}`,
      ),
    ],
    [
      { typed_extension_protocol_options: { [httpOptionsName]: any(httpOptionsName, {}) } },
      [
        `typed_extension_protocol_options["${httpOptionsName}"].explicit_http_config: must say http_protocol_options or http2_protocol_options`,
      ],
    ],
  ),
)('a cluster is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeCluster(edsCluster(patch)))).toEqual(expected);
});
