import { expect, test } from 'vitest';
import { passthroughLogFields, tcpLogFields } from './access-log.ts';
import { tcpListener } from './l4-listeners.ts';
import { asJson, typed } from './testing.ts';

type Written = Readonly<Record<string, unknown>>;
type Chain = { filter_chain_match?: unknown; filters: { name: string; typed_config: unknown }[] };

function listenerOf(listener: Written, ...routes: Written[]): Record<string, unknown> {
  const documents = routes.map((spec, index) => typed('L4Route', `r${index}`, spec));
  return asJson('listeners', tcpListener(typed('Listener', 'redis', { protocol: 'tcp', ...listener }), documents));
}

const chainsOf = (listener: Written, ...routes: Written[]) =>
  listenerOf(listener, ...routes)['filter_chains'] as Chain[];
const proxyOf = (route: Written, listener: Written = {}) => chainsOf(listener, route)[0]?.filters.at(-1)?.typed_config;

test('a tcp listener hands its connections to the cluster of its L4Route, bounds them and logs them', () => {
  expect(listenerOf({ port: 6379, limits: { connections: 7 } }, { idleTimeout: '90s' })).toEqual({
    '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
    name: 'redis',
    address: { socket_address: { address: '127.0.0.1', port_value: 6379 } },
    per_connection_buffer_limit_bytes: 32_768,
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.connection_limit',
            typed_config: {
              '@type': 'type.googleapis.com/envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit',
              stat_prefix: 'redis',
              max_connections: '7',
            },
          },
          {
            name: 'envoy.filters.network.tcp_proxy',
            typed_config: {
              '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
              stat_prefix: 'redis',
              cluster: 'redis',
              idle_timeout: '90s',
              max_connect_attempts: 3,
              hash_policy: [{ source_ip: {} }],
              proxy_protocol_tlvs: [
                { type: 5, format_string: { text_format_source: { inline_string: '%STREAM_ID%' } } },
              ],
              proxy_protocol_tlv_merge_policy: 'OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD',
              access_log: [expect.objectContaining({ name: 'envoy.access_loggers.stdout' })],
            },
          },
        ],
        metadata: { filter_metadata: { 'fairlead.l4': { datapath: 'auto', hash: 'source' } } },
      },
    ],
  });
});

test.each([
  ['tcp', tcpLogFields],
  ['tls-passthrough', passthroughLogFields],
])('connections of a %s listener are logged with the id that endpoints are told', (protocol, fields) => {
  expect(fields).toMatchObject({ unique_id: '%STREAM_ID%' });
  expect(proxyOf({}, { protocol })).toMatchObject({
    idle_timeout: '3600s',
    access_log: [{ typed_config: { log_format: { json_format: fields } } }],
  });
});

test('several clusters of an L4Route are weighted; those of weight 0, which Envoy refuses there, are left out', () => {
  const to = [
    { cluster: 'a', weight: 90 },
    { cluster: 'b', weight: 10 },
    { cluster: 'c', weight: 0 },
  ];
  const clusters = [
    { name: 'a', weight: 90 },
    { name: 'b', weight: 10 },
  ];
  expect(proxyOf({ to })).toMatchObject({ weighted_clusters: { clusters } });
});

test.each([
  ['five-tuple', '%DOWNSTREAM_REMOTE_ADDRESS%|%DOWNSTREAM_LOCAL_ADDRESS%'],
  ['destination-port', '%DOWNSTREAM_LOCAL_PORT%'],
  ['authority', '%REQUESTED_SERVER_NAME%|%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:authority)%'],
])('the hash of %s is that of a text', (hash, inline_string) => {
  const [chain] = chainsOf({}, { hash, datapath: 'user' });
  expect(chain).toMatchObject({ metadata: { filter_metadata: { 'fairlead.l4': { datapath: 'user', hash } } } });
  expect(chain?.filters.slice(1)).toMatchObject([
    {
      name: 'envoy.filters.network.set_filter_state',
      typed_config: {
        on_new_connection: [
          {
            object_key: 'fairlead.hash',
            factory_key: 'envoy.hashable_string',
            format_string: { text_format_source: { inline_string } },
          },
        ],
      },
    },
    { typed_config: { hash_policy: [{ filter_state: { key: 'fairlead.hash' } }] } },
  ]);
});

test('routes of a tcp listener are told apart by their sources', () => {
  const matches = chainsOf({}, { sources: ['10.0.0.0/8', '::1'] }, {}).map((chain) => chain.filter_chain_match);
  expect(matches).toEqual([
    {
      source_prefix_ranges: [
        { address_prefix: '10.0.0.0', prefix_len: 8 },
        { address_prefix: '::1', prefix_len: 128 },
      ],
    },
    undefined,
  ]);
});

test('a passthrough listener looks into the first message of TLS, behind the PROXY header, and takes nothing but TLS', () => {
  const proxyProtocol = { accept: 'required', trust: '10.0.0.1' };
  const listener = { protocol: 'tls-passthrough', proxyProtocol };
  const names = { serverNames: '*.db.example.com', alpn: ['postgresql'], sources: '10.0.0.0/8' };
  const json = listenerOf(listener, names, {});
  expect(json['listener_filters']).toMatchObject([
    { name: 'envoy.filters.listener.proxy_protocol', typed_config: { rules: [{ tlv_type: 2 }, { tlv_type: 5 }] } },
    { name: 'envoy.filters.listener.tls_inspector' },
  ]);
  const ofAll = {
    transport_protocol: 'tls',
    direct_source_prefix_ranges: [{ address_prefix: '10.0.0.1', prefix_len: 32 }],
  };
  const matches = (json['filter_chains'] as Chain[]).map((chain) => chain.filter_chain_match);
  expect(matches).toEqual([
    {
      ...ofAll,
      server_names: ['*.db.example.com'],
      application_protocols: ['postgresql'],
      source_prefix_ranges: [{ address_prefix: '10.0.0.0', prefix_len: 8 }],
    },
    ofAll,
    { ...ofAll, server_names: ['*.db.example.com'] },
    { ...ofAll, server_names: ['*.db.example.com'], application_protocols: ['postgresql'] },
  ]);
});

test('a PROXY header is waited for less long than the first message of TLS', () => {
  const proxyProtocol = { accept: 'optional', trust: '10.0.0.1' };
  expect(listenerOf({ proxyProtocol }, {})['listener_filters_timeout']).toBe('3s');
  expect(listenerOf({ protocol: 'tls-passthrough', proxyProtocol }, {})).not.toHaveProperty('listener_filters_timeout');
  expect(listenerOf({}, {})).not.toHaveProperty('listener_filters_timeout');
});
