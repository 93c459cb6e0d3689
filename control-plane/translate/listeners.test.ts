import { expect, test } from 'vitest';
import { httpLogFields } from './access-log.ts';
import { httpListener } from './listeners.ts';
import { asJson, typed } from './testing.ts';

const connectionLimit = (connections: number, name = 'public') => ({
  name: 'envoy.filters.network.connection_limit',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit',
    stat_prefix: name,
    max_connections: `${connections}`,
  },
});

test('an http listener is an edge: its own RDS over ADS, paths made safe, the peer believed and no header', () => {
  const listener = typed('Listener', 'public', { address: '0.0.0.0', port: 8080 });
  expect(asJson('listeners', httpListener(listener))).toEqual({
    '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
    name: 'public',
    address: { socket_address: { address: '0.0.0.0', port_value: 8080 } },
    per_connection_buffer_limit_bytes: 32_768,
    filter_chains: [
      {
        filters: [
          connectionLimit(10_000),
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              stat_prefix: 'public',
              rds: { config_source: { ads: {}, resource_api_version: 'V3' }, route_config_name: 'public' },
              http_filters: [
                {
                  ...{ name: 'envoy.filters.http.grpc_web', disabled: true },
                  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb' },
                },
                {
                  name: 'envoy.filters.http.fault',
                  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault' },
                },
                {
                  ...{ name: 'envoy.filters.http.stateful_session', disabled: true },
                  typed_config: {
                    '@type': 'type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSession',
                  },
                },
                {
                  name: 'envoy.filters.http.router',
                  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                },
              ],
              common_http_protocol_options: {
                idle_timeout: '3600s',
                max_headers_count: 100,
                headers_with_underscores_action: 'REJECT_REQUEST',
              },
              http2_protocol_options: {
                allow_connect: true,
                max_concurrent_streams: 100,
                initial_stream_window_size: 65_536,
                initial_connection_window_size: 1_048_576,
                override_stream_error_on_invalid_http_message: true,
              },
              server_name: 'fairlead',
              access_log: [expect.anything()],
              use_remote_address: true,
              stream_idle_timeout: '300s',
              request_timeout: '300s',
              request_headers_timeout: '10s',
              max_request_headers_kb: 60,
              normalize_path: true,
              merge_slashes: true,
              path_with_escaped_slashes_action: 'REJECT_REQUEST',
            },
          },
        ],
      },
    ],
  });
});

function connectionManager(spec: Readonly<Record<string, unknown>>): unknown {
  const json = asJson('listeners', httpListener(typed('Listener', 'public', spec)));
  const [chain] = json['filter_chains'] as { filters: { typed_config: unknown }[] }[];
  return chain?.filters.at(-1)?.typed_config;
}

test('a limit of connections stands before whatever serves them', () => {
  const json = asJson('listeners', httpListener(typed('Listener', 'public', { limits: { connections: 7 } })));
  expect(json).toMatchObject({ filter_chains: [{ filters: [connectionLimit(7), expect.anything()] }] });
});

test.each([
  ['keep', 'KEEP_UNCHANGED'],
  ['reject', 'REJECT_REQUEST'],
  ['redirect', 'UNESCAPE_AND_REDIRECT'],
  ['unescape', 'UNESCAPE_AND_FORWARD'],
] as const)("escaped slashes: %s is Envoy's %s", (escapedSlashes, action) => {
  const manager = connectionManager({ paths: { normalize: false, mergeSlashes: false, escapedSlashes } });
  expect(manager).toMatchObject({ normalize_path: false, path_with_escaped_slashes_action: action });
  expect(manager).not.toHaveProperty('merge_slashes');
});

test.each([
  ['keep', {}],
  ['reject', { headers_with_underscores_action: 'REJECT_REQUEST' }],
  ['drop', { headers_with_underscores_action: 'DROP_HEADER' }],
])("header names with underscores: %s is Envoy's %j", (headers, said) => {
  const manager = connectionManager({ paths: { underscores: { headers } } });
  const rest = { idle_timeout: '3600s', max_headers_count: 100 };
  expect(manager).toHaveProperty('common_http_protocol_options', { ...rest, ...said });
});

test('HTTP/1.0 is accepted where that is said, and nothing is said of it elsewhere', () => {
  expect(connectionManager({ paths: { http10: true } })).toHaveProperty('http_protocol_options', {
    accept_http_10: true,
  });
  expect(connectionManager({ paths: { http10: false } })).not.toHaveProperty('http_protocol_options');
});

test.each([
  ['stdout', 'stream.v3.StdoutAccessLog', {}],
  ['stderr', 'stream.v3.StderrAccessLog', {}],
  ['/var/log/access.json', 'file.v3.FileAccessLog', { path: '/var/log/access.json' }],
])('an access log to %s is a %s, one JSON object a request', (to, type, more) => {
  expect(connectionManager({ accessLog: { to } })).toMatchObject({
    access_log: [
      {
        typed_config: {
          '@type': `type.googleapis.com/envoy.extensions.access_loggers.${type}`,
          log_format: { json_format: httpLogFields },
          ...more,
        },
      },
    ],
  });
});

test('a listener whose access log is off has none', () => {
  expect(connectionManager({ accessLog: 'off' })).not.toHaveProperty('access_log');
});

test('limits of a listener reach the connection manager, 0s as none', () => {
  const limits = {
    headerBytes: '2KiB',
    headers: 10,
    streams: 20,
    headersTimeout: '0s',
    bodyTimeout: '0s',
    idleTimeout: '5m',
  };
  expect(connectionManager({ limits })).toMatchObject({
    http2_protocol_options: { max_concurrent_streams: 20 },
    max_request_headers_kb: 2,
    request_timeout: '0s',
    request_headers_timeout: '0s',
    common_http_protocol_options: { idle_timeout: '300s', max_headers_count: 10 },
  });
});

test('who has proxies in front believes so many of them, and keeps their request ids', () => {
  expect(connectionManager({ trustedHops: 2 })).toMatchObject({
    use_remote_address: true,
    xff_num_trusted_hops: 2,
    preserve_external_request_id: true,
  });
  expect(connectionManager({})).not.toHaveProperty('preserve_external_request_id');
});

test('what proxies in front say in PROXY headers is believed of those that are trusted, and logged', () => {
  const proxyProtocol = { accept: 'required', trust: ['10.0.0.0/8', 'fd00::/8'] };
  const json = asJson('listeners', httpListener(typed('Listener', 'public', { proxyProtocol })));
  expect(json).toMatchObject({
    listener_filters: [
      {
        name: 'envoy.filters.listener.proxy_protocol',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol',
          rules: [
            { tlv_type: 2, on_tlv_present: { key: 'authority' } },
            { tlv_type: 5, on_tlv_present: { key: 'unique_id' } },
          ],
          tlv_location: 'FILTER_STATE',
        },
      },
    ],
    filter_chains: [
      {
        filter_chain_match: {
          direct_source_prefix_ranges: [
            { address_prefix: '10.0.0.0', prefix_len: 8 },
            { address_prefix: 'fd00::', prefix_len: 8 },
          ],
        },
      },
    ],
  });
  expect(json).not.toHaveProperty('metadata');
  expect(connectionManager({ proxyProtocol })).toMatchObject({
    access_log: [
      {
        typed_config: {
          log_format: {
            json_format: {
              ...httpLogFields,
              unique_id: '%FILTER_STATE(envoy.network.proxy_protocol.tlv:FIELD:unique_id)%',
            },
          },
        },
      },
    ],
  });
});

test('where a PROXY header is optional our own nodes are told to let others in without one', () => {
  const proxyProtocol = { accept: 'optional', trust: '10.0.0.1' };
  const json = asJson('listeners', httpListener(typed('Listener', 'public', { proxyProtocol })));
  expect(json).toMatchObject({
    listener_filters: [{ typed_config: { allow_requests_without_proxy_protocol: true } }],
    metadata: { filter_metadata: { 'fairlead.proxy-protocol': { untrusted: 'plain' } } },
  });
});
