import { expect, test } from 'vitest';
import type { HttpConnectionManager, Listener, TcpProxy } from '../../../proto/envoy.ts';
import type { ConnectionLimit } from '../../../proto/envoy-extensions.ts';
import { decodeListener } from './listener.ts';
import {
  ads,
  any,
  httpManager,
  listener,
  problemsOf,
  refusals,
  routerFilter,
  seconds,
  taken,
  tlsListener,
  tlsSocket,
} from './testing.ts';

const unsupported = 'not supported by this data plane';
const typed = 'filter_chains[0].filters[0].typed_config';

const decodeHttp = (patch: Partial<HttpConnectionManager> = {}, around: Partial<Listener> = {}) =>
  decodeListener(listener({ http: httpManager(patch) }, around));

function httpChain(patch: Partial<HttpConnectionManager> = {}) {
  const { chain } = taken(decodeHttp(patch));
  if (chain.type !== 'http') throw new Error('no HTTP chain');
  return chain;
}

test("an HTTP listener has Envoy's defaults where it says nothing", () => {
  expect(taken(decodeHttp())).toEqual({
    name: 'public',
    config: { name: 'public', address: '127.0.0.1', port: 8080, maxConnections: 10_000, proxyProtocol: null },
    tls: null,
    chain: {
      type: 'http',
      config: {
        statPrefix: 'public',
        filters: [],
        accessLogs: [],
        codec: 'auto',
        http2: {
          extendedConnect: false,
          maxConcurrentStreams: 100,
          streamWindowBytes: 65_536,
          connectionWindowBytes: 1_048_576,
        },
        serverName: 'envoy',
        useRemoteAddress: false,
        trustedHops: 0,
        preserveRequestId: false,
        forwardClientCert: null,
        upgrades: [],
        stickySession: null,
        grpcWeb: null,
        paths: {
          ...{ normalize: false, mergeSlashes: false, escapedSlashes: 'keep' },
          ...{ underscores: 'keep', http10: null },
        },
        limits: {
          headerBytes: 61_440,
          headers: 100,
          headersTimeoutMs: 0,
          requestTimeoutMs: 0,
          idleTimeoutMs: 3_600_000,
          streamIdleTimeoutMs: 300_000,
        },
      },
      routes: { type: 'rds', from: { name: 'public', fetchTimeoutMs: null } },
    },
  });
});

test('what an HTTP listener says is carried over', () => {
  const { config } = httpChain({
    codec_type: 'HTTP1',
    http2_protocol_options: {
      allow_connect: true,
      max_concurrent_streams: { value: 7 },
      initial_stream_window_size: { value: 70_000 },
      initial_connection_window_size: { value: 80_000 },
    },
    use_remote_address: { value: true },
    xff_num_trusted_hops: 2,
    preserve_external_request_id: true,
    server_name: 'fairlead',
    normalize_path: { value: true },
    merge_slashes: true,
    path_with_escaped_slashes_action: 'REJECT_REQUEST',
    max_request_headers_kb: { value: 32 },
    common_http_protocol_options: {
      idle_timeout: seconds(60),
      max_headers_count: { value: 50 },
      headers_with_underscores_action: 'REJECT_REQUEST',
    },
    request_headers_timeout: seconds(10),
    request_timeout: seconds(300),
    stream_idle_timeout: seconds(0),
    upgrade_configs: [{ upgrade_type: 'WebSocket' }, { upgrade_type: 'CONNECT', enabled: {} }],
  });
  expect(config).toMatchObject({
    codec: 'http1',
    http2: { extendedConnect: true, maxConcurrentStreams: 7, streamWindowBytes: 70_000, connectionWindowBytes: 80_000 },
    serverName: 'fairlead',
    useRemoteAddress: true,
    trustedHops: 2,
    preserveRequestId: true,
    upgrades: [
      { type: 'websocket', enabled: true },
      { type: 'connect', enabled: false },
    ],
    paths: { normalize: true, mergeSlashes: true, escapedSlashes: 'reject', underscores: 'reject', http10: null },
    limits: {
      headerBytes: 32_768,
      headers: 50,
      headersTimeoutMs: 10_000,
      requestTimeoutMs: 300_000,
      idleTimeoutMs: 60_000,
      streamIdleTimeoutMs: 0,
    },
  });
});

test.each([
  ['ALLOW', 'keep'],
  ['REJECT_REQUEST', 'reject'],
  ['DROP_HEADER', 'drop'],
] as const)('header names with underscores: %s is %s', (headers_with_underscores_action, underscores) => {
  const { config } = httpChain({ common_http_protocol_options: { headers_with_underscores_action } });
  expect(config.paths).toMatchObject({ underscores });
});

test.each([
  [{ accept_http_10: false, default_host_for_http_10: 'a.example.com' }, null],
  [{ accept_http_10: true }, { host: '' }],
  [{ accept_http_10: true, default_host_for_http_10: 'a.example.com' }, { host: 'a.example.com' }],
])('HTTP/1.0 by %j is %j', (http_protocol_options, http10) => {
  expect(httpChain({ http_protocol_options }).config.paths.http10).toEqual(http10);
});

test.each(['SANITIZE', 'FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET'] as const)(
  'without client certificates %s removes what clients say of theirs',
  (forward_client_cert_details) => {
    expect(problemsOf(decodeHttp({ forward_client_cert_details }))).toEqual([]);
  },
);

const asking = tlsSocket(['shop'], {}, { validation_context_sds_secret_config: { name: 'ca', sds_config: ads } });

function askingListener(patch: Partial<HttpConnectionManager>): Uint8Array {
  const manager = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
  const filters = [{ name: 'terminal', typed_config: any(manager, httpManager(patch)) }];
  return tlsListener([], { filter_chains: [{ filters, transport_socket: asking }] });
}

test('what endpoints are told of client certificates is as said', () => {
  const read = (patch: Partial<HttpConnectionManager>) => {
    const { chain } = taken(decodeListener(askingListener(patch)));
    return chain.type === 'http' ? chain.config.forwardClientCert : undefined;
  };
  expect(read({ set_current_client_cert_details: { uri: true } })).toBe(null);
  expect(read({ forward_client_cert_details: 'SANITIZE_SET' })).toEqual({ subject: false, uri: false, dns: false });
  const set_current_client_cert_details = { subject: { value: true }, dns: true };
  expect(read({ forward_client_cert_details: 'SANITIZE_SET', set_current_client_cert_details })).toEqual({
    ...{ subject: true, uri: false, dns: true },
  });
});

test.each([
  [{ forward_client_cert_details: 'FORWARD_ONLY' }, `forward_client_cert_details: "FORWARD_ONLY" is ${unsupported}`],
  [
    { forward_client_cert_details: 'APPEND_FORWARD' },
    `forward_client_cert_details: "APPEND_FORWARD" is ${unsupported}`,
  ],
  [
    { forward_client_cert_details: 'SANITIZE_SET', set_current_client_cert_details: { chain: true } },
    `set_current_client_cert_details.chain: true is ${unsupported}`,
  ],
] as const)('with client certificates %j is refused', (patch, problem) => {
  expect(problemsOf(decodeListener(askingListener(patch)))).toEqual([
    `filter_chains[0].filters[0].typed_config.${problem}`,
  ]);
});

test("a listener that passes the upstream's server header has no name of its own", () => {
  expect(httpChain({ server_header_transformation: 'PASS_THROUGH', server_name: 'x' }).config.serverName).toBe('');
});

test('routes may stand inline', () => {
  expect(httpChain({ rds: null, route_config: { name: 'inline' } }).routes).toEqual({
    type: 'inline',
    table: { name: 'inline', hosts: [] },
  });
});

test('an HTTP filter that is optional or off may be anything', () => {
  const filter = { name: 'x', typed_config: { type_url: 'type.googleapis.com/x.Y', value: Buffer.of() } };
  const http_filters = [{ ...filter, is_optional: true }, { ...filter, disabled: true }, routerFilter];
  expect(problemsOf(decodeHttp({ http_filters }))).toEqual([]);
});

test('what changes nothing that a connection could see is passed over', () => {
  const harmless: Partial<HttpConnectionManager> = {
    codec_type: 'AUTO',
    tracing: {},
    drain_timeout: seconds(5),
    http2_protocol_options: { hpack_table_size: { value: 0 }, max_outbound_frames: { value: 1 } },
    generate_request_id: { value: true },
    forward_client_cert_details: 'SANITIZE',
  };
  const around: Partial<Listener> = {
    stat_prefix: 'public',
    traffic_direction: 'INBOUND',
    per_connection_buffer_limit_bytes: { value: 32_768 },
    enable_reuse_port: { value: false },
    bind_to_port: { value: true },
    listener_filters_timeout: seconds(1),
  };
  expect(problemsOf(decodeHttp(harmless, around))).toEqual([]);
});

const limitFilter = (limit: ConnectionLimit) => ({
  name: 'limit',
  typed_config: any('envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit', limit),
});
const tcpFilter = () => ({ name: 'x', typed_config: tcp({ cluster: 'redis' }) });
const behind = (...limits: ConnectionLimit[]) =>
  decodeListener(
    listener({ http: httpManager() }, { filter_chains: [{ filters: [...limits.map(limitFilter), tcpFilter()] }] }),
  );

test('limits of connections stand before what serves them, and the smallest counts', () => {
  expect(taken(behind({ max_connections: { value: 20_000 } })).config.maxConnections).toBe(20_000);
  const two = behind({ max_connections: { value: 9 } }, { stat_prefix: 'x', max_connections: { value: 8 } });
  expect(taken(two).config.maxConnections).toBe(8);
});

test('a limit of connections that is none, waits, or comes last is refused', () => {
  const at = 'filter_chains[0].filters[0].typed_config';
  expect(problemsOf(behind({}))).toEqual([`${at}.max_connections: must be set`]);
  expect(problemsOf(behind({ max_connections: { value: 0 } }))).toEqual([
    `${at}.max_connections: must be between 1 and 4294967295`,
  ]);
  expect(problemsOf(behind({ max_connections: { value: 1 }, delay: seconds(1) }))).toEqual([
    `${at}.delay: ${unsupported}`,
  ]);
  const last = { filters: [limitFilter({ max_connections: { value: 1 } })] };
  expect(problemsOf(decodeListener(listener({ http: httpManager() }, { filter_chains: [last] })))).toEqual([
    'filter_chains[0].filters[0]: must stand before the filter that ends the chain',
  ]);
});

test('a default filter chain alone is the chain', () => {
  const bytes = listener({ http: httpManager() });
  const chain = { filters: [{ name: 'x', typed_config: tcp({ cluster: 'redis' }) }] };
  const only = listener({ http: httpManager() }, { filter_chains: [], default_filter_chain: chain });
  expect(taken(decodeListener(only)).chain.type).toBe('tcp');
  expect(taken(decodeListener(bytes)).chain.type).toBe('http');
});

const tcp = (proxy: TcpProxy) => any('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', proxy);

test('a TCP proxy leads to one cluster or to weighted ones, with an idle timeout of an hour', () => {
  const chainOf = (proxy: TcpProxy) => {
    const { chain } = taken(decodeListener(listener({ tcp: proxy })));
    return chain.type === 'tcp' ? chain.otherwise : null;
  };
  expect(chainOf({ stat_prefix: 'redis', cluster: 'redis' })).toEqual({
    statPrefix: 'redis',
    to: [{ cluster: 'redis', weight: 1 }],
    idleTimeoutMs: 3_600_000,
    accessLogs: [],
    hash: null,
    proxyTlvs: [],
    datapath: 'user',
  });
  const clusters = [
    { name: 'a', weight: 9 },
    { name: 'b', weight: 1 },
  ];
  expect(chainOf({ weighted_clusters: { clusters }, idle_timeout: seconds(0) })).toMatchObject({
    to: [
      { cluster: 'a', weight: 9 },
      { cluster: 'b', weight: 1 },
    ],
    idleTimeoutMs: 0,
  });
});

test('a timeout below a millisecond does not become none, and one of years does not fire at once', () => {
  const { limits } = httpChain({
    request_timeout: { seconds: 0, nanos: 1 },
    stream_idle_timeout: { seconds: 10_000_000_000 },
  }).config;
  expect(limits).toMatchObject({ requestTimeoutMs: 1, streamIdleTimeoutMs: 2_147_483_647 });
});

test.each(
  refusals<Partial<Listener>>(
    [{ name: '' }, ['name: must not be empty']],
    [{ address: null }, ['address: must be set']],
    [
      { address: { socket_address: { address: 'localhost', port_value: 80 } } },
      ['address.socket_address.address: "localhost" is no IP address'],
    ],
    [
      { address: { socket_address: { address: '::', port_value: 70_000 } } },
      ['address.socket_address.port_value: must be between 0 and 65535'],
    ],
    [{ filter_chains: [] }, ['filter_chains: must hold a filter chain']],
    [{ filter_chains: [{}] }, ['filter_chains[0].filters: must end in an HTTP connection manager or a TCP proxy']],
    [
      { filter_chains: [{ filters: [{ name: 'x', typed_config: tcp({ cluster: 'a' }) }] }, {}] },
      ['filter_chains[1].filters: must end in an HTTP connection manager or a TCP proxy'],
    ],
    [
      {
        filter_chains: [
          {
            transport_socket: { name: 'tls' },
            filters: [
              { name: 'x', typed_config: tcp({ cluster: 'a' }) },
              { name: 'y', typed_config: { type_url: 'type.googleapis.com/x.Redis', value: Buffer.of() } },
            ],
          },
        ],
      },
      [
        `filter_chains[0].transport_socket: "tls" is ${unsupported}`,
        'filter_chains[0].filters[0]: ends the chain and must be its last filter',
        `filter_chains[0].filters[1].typed_config: filter x.Redis is ${unsupported}`,
      ],
    ],
    [
      { listener_filters: [{ name: 'tls_inspector' }] },
      [`listener_filters[0].typed_config: listener filter without a type is ${unsupported}`],
    ],
    [{ bind_to_port: { value: false } }, [`bind_to_port: false is ${unsupported}`]],
    [{ api_listener: {} }, [`api_listener: ${unsupported}`]],
  ),
)('listener is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeHttp({}, patch))).toEqual(expected);
});

test.each(
  refusals<Partial<HttpConnectionManager>>(
    [{ rds: null }, [': needs rds or route_config']],
    [
      { rds: { config_source: { api_config_source: {} } } },
      [
        '.rds.route_config_name: must not be empty',
        '.rds.config_source: only ads and self are supported by this data plane',
      ],
    ],
    [{ rds: null, scoped_routes: {} }, [`.scoped_routes: ${unsupported}`, ': needs rds or route_config']],
    [
      { rds: null, route_config: { vhds: { config_source: ads } } },
      [`.route_config.vhds: in a listener is ${unsupported}`],
    ],
    [
      { rds: null, route_config: { virtual_hosts: [{ name: 'a', routes: [] }] } },
      ['.route_config.virtual_hosts[0].domains: must hold a domain'],
    ],
    [{ codec_type: 'HTTP3' }, [`.codec_type: HTTP3 is ${unsupported}`]],
    [{ http_filters: [] }, ['.http_filters: must end in the router']],
    [
      { http_filters: [routerFilter, { name: 'x' }] },
      [
        '.http_filters[0]: the router must be the last filter',
        `.http_filters[1].typed_config: HTTP filter without a type is ${unsupported}`,
      ],
    ],
    [
      { server_header_transformation: 'APPEND_IF_ABSENT' },
      [`.server_header_transformation: "APPEND_IF_ABSENT" is ${unsupported}`],
    ],
    [{ server_name: 'a\r\nx: y' }, ['.server_name: must not hold control characters']],
    [{ generate_request_id: {} }, [`.generate_request_id: false is ${unsupported}`]],
    [
      { forward_client_cert_details: 'ALWAYS_FORWARD_ONLY' },
      [`.forward_client_cert_details: "ALWAYS_FORWARD_ONLY" is ${unsupported}`],
    ],
    [{ skip_xff_append: true }, [`.skip_xff_append: ${unsupported}`]],
    [
      {
        upgrade_configs: [
          { filters: [routerFilter] },
          { upgrade_type: 'h2c' },
          ...['foo', 'FOO'].map((upgrade_type) => ({ upgrade_type })),
        ],
      },
      [
        `.upgrade_configs[0].filters: ${unsupported}`,
        '.upgrade_configs[0].upgrade_type: must not be empty',
        `.upgrade_configs[1].upgrade_type: h2c is ${unsupported}`,
        '.upgrade_configs[3].upgrade_type: foo is there already',
      ],
    ],
    [{ max_request_headers_kb: { value: 9000 } }, ['.max_request_headers_kb: must be between 1 and 8192']],
    [
      {
        common_http_protocol_options: {
          max_stream_duration: seconds(1),
          headers_with_underscores_action: 9 as never,
        },
      },
      [
        `.common_http_protocol_options.headers_with_underscores_action: 9 is ${unsupported}`,
        `.common_http_protocol_options.max_stream_duration: ${unsupported}`,
      ],
    ],
    [{ http_protocol_options: { enable_trailers: true } }, [`.http_protocol_options.enable_trailers: ${unsupported}`]],
    [
      { http_protocol_options: { accept_http_10: true, default_host_for_http_10: 'a\r\nb: c' } },
      ['.http_protocol_options.default_host_for_http_10: must not hold control characters'],
    ],
    [{ path_with_escaped_slashes_action: 9 as never }, [`.path_with_escaped_slashes_action: 9 is ${unsupported}`]],
    [
      { access_log: [{ typed_config: { type_url: 'type.googleapis.com/x.Grpc', value: Buffer.of() } }] },
      [`.access_log[0].typed_config: access log x.Grpc is ${unsupported}`],
    ],
  ),
)('HTTP connection manager is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeHttp(patch))).toEqual(expected.map((problem) => typed + problem));
});

test.each(
  refusals<TcpProxy & Record<string, unknown>>(
    [{}, ['.cluster: must not be empty']],
    [{ weighted_clusters: { clusters: [] } }, ['.weighted_clusters: names no cluster']],
    [
      { weighted_clusters: { clusters: [{ name: 'a' }] } },
      ['.weighted_clusters.clusters[0].weight: must be at least 1', '.weighted_clusters: weights sum to 0'],
    ],
    [{ cluster: 'a', max_connect_attempts: { value: 5 } }, [`.max_connect_attempts: 5 is ${unsupported}`]],
    [{ cluster: 'a', tunneling_config: { hostname: 'x' } }, [`.tunneling_config: ${unsupported}`]],
  ),
)('TCP proxy is refused: $law', ({ patch: proxy, expected }) => {
  expect(problemsOf(decodeListener(listener({ tcp: proxy })))).toEqual(expected.map((problem) => typed + problem));
});

test('bytes that are no message are a problem, in the listener and inside it', () => {
  expect(problemsOf(decodeListener(Uint8Array.of(0xff, 0xff)))[0]).toMatch(/^malformed envoy\.config\.listener/);
  const typed_config = { ...tcp({}), value: Buffer.of(0xff) };
  const broken = listener({ http: httpManager() }, { filter_chains: [{ filters: [{ typed_config }] }] });
  expect(problemsOf(decodeListener(broken))[0]).toMatch(/^filter_chains\[0\]\.filters\[0\]\.typed_config: malformed/);
});

test('only the source that the stream itself is may bring routes', () => {
  expect(
    httpChain({ rds: { route_config_name: 'r', config_source: { ...ads, initial_fetch_timeout: seconds(0) } } }).routes,
  ).toEqual({ type: 'rds', from: { name: 'r', fetchTimeoutMs: 0 } });
});
