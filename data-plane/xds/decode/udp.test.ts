import { expect, test } from 'vitest';
import { l4Metadata } from '../../../proto/l4.ts';
import { decodeCluster } from './cluster.ts';
import { decodeListener } from './listener.ts';
import { any, edsCluster, lbEndpoint, problemsOf, refusals, seconds, taken } from './testing.ts';
import {
  byRange,
  inspector,
  type ListenerFilter,
  metadata,
  range,
  tcpChain,
  udpFilter,
  udpListener,
  udpRoute,
} from './testing-l4.ts';

const unsupported = 'not supported by this data plane';

function udpOf(filter: ListenerFilter, patch: Parameters<typeof udpListener>[1] = {}) {
  const { chain, ...rest } = taken(decodeListener(udpListener([filter], patch)));
  if (chain.type !== 'udp') throw new Error('no UDP listener');
  return { ...rest, chain };
}

test('a UDP listener sends everything to one cluster where nothing else is said', () => {
  expect(udpOf(udpFilter())).toEqual({
    name: 'l4',
    config: { name: 'l4', address: '127.0.0.1', port: 0, maxConnections: 10_000, proxyProtocol: null },
    tls: null,
    chain: {
      type: 'udp',
      statPrefix: 's',
      routes: [{ sources: [], cluster: 'c' }],
      idleTimeoutMs: 60_000,
      hash: null,
      perPacket: false,
      accessLogs: [],
      datapath: 'user',
    },
  });
});

test('what it says is carried over', () => {
  const access_log = [{ typed_config: any('envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', {}) }];
  const filter = udpFilter({
    idle_timeout: seconds(5),
    hash_policies: [{ key: 'all' }],
    use_per_packet_load_balancing: true,
    access_log,
  });
  expect(udpOf(filter, { udp_listener_config: { downstream_socket_config: {} } }).chain).toMatchObject({
    ...{ idleTimeoutMs: 5_000, hash: { type: 'key', key: 'all' }, perPacket: true },
    accessLogs: [{ path: '/dev/stdout' }],
  });
  expect(udpOf(udpFilter({ hash_policies: [{ source_ip: true }] })).chain.hash).toEqual({ type: 'source' });
});

test('documents say more than Envoy has words for', () => {
  const said = { metadata: metadata(l4Metadata, { datapath: 'kernel', hash: 'five-tuple', sessions: 5 }) };
  const { chain, config } = udpOf(udpFilter({ hash_policies: [{ source_ip: true }] }), said);
  expect(chain).toMatchObject({ datapath: 'kernel', hash: { type: 'five-tuple' } });
  expect(config.maxConnections).toBe(5);
});

test('the longest range decides, of the same ones the first, and then what is for all', () => {
  const tree = byRange(
    { ranges: [range('10.0.0.0', 8), range('::', 0)], on_match: udpRoute('wide') },
    { ranges: [range('10.1.0.0', 16)], on_match: udpRoute('narrow'), exclusive: true },
    { ranges: [range('10.1.0.0', 16)], on_match: udpRoute('late') },
  );
  const { routes } = udpOf(udpFilter({ matcher: { ...tree, on_no_match: udpRoute('rest') } })).chain;
  expect(routes.map(({ sources, cluster }) => [sources.join(), cluster])).toEqual([
    ['10.1.0.0/16', 'narrow'],
    ['10.1.0.0/16', 'late'],
    ['10.0.0.0/8', 'wide'],
    ['::/0', 'wide'],
    ['', 'rest'],
  ]);
  expect(udpOf(udpFilter({ matcher: {} })).chain.routes).toEqual([]);
});

test('a cluster may be said without a matcher, as it was once', () => {
  const { routes } = udpOf(udpFilter({ matcher: null, cluster: 'old' })).chain;
  expect(routes).toEqual([{ sources: [], cluster: 'old' }]);
});

test('a cluster of UDP says nothing of HTTP, and its endpoints may say their protocol', () => {
  const { endpoint } = lbEndpoint('10.0.0.1', 53);
  const { address, port_value } = endpoint.address.socket_address;
  const socket_address = { protocol: 'UDP', address, port_value } as const;
  const load_assignment = {
    cluster_name: 'c',
    endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address } } }] }],
  };
  const { config } = taken(decodeCluster(edsCluster({ type: 'STATIC', eds_cluster_config: null, load_assignment })));
  expect(config.protocol).toBe('tcp');
});

const at = 'listener_filters[0].typed_config';
const log = { name: 'x', typed_config: { type_url: 'type.googleapis.com/x.Log', value: Buffer.of() } };

test.each(
  refusals<Parameters<typeof udpFilter>[0]>(
    [{ stat_prefix: '' }, ['.stat_prefix: must not be empty']],
    [{ matcher: null }, ['.cluster: must not be empty']],
    [{ idle_timeout: { seconds: -1 } }, ['.idle_timeout: must be a duration of 0 or more']],
    [{ hash_policies: [{}] }, ['.hash_policies[0]: says no key']],
    [{ hash_policies: [{ source_ip: true }, { key: 'a' }] }, ['.hash_policies: must not hold more than one policy']],
    [{ use_original_src_ip: true } as never, [`.use_original_src_ip: ${unsupported}`]],
    [{ proxy_access_log: [log] } as never, [`.proxy_access_log: ${unsupported}`]],
    [{ session_filters: [{ name: 'x' }] } as never, [`.session_filters: ${unsupported}`]],
    [{ tunneling_config: { proxy_host: 'x' } } as never, [`.tunneling_config: ${unsupported}`]],
    [{ access_log_options: {} } as never, [`.access_log_options: ${unsupported}`]],
    [
      { matcher: { on_no_match: udpRoute('') } },
      ['.matcher.on_no_match.action.typed_config.cluster: must not be empty'],
    ],
    [
      { matcher: { on_no_match: { matcher: {} } } },
      [
        `.matcher.on_no_match.matcher: ${unsupported}`,
        `.matcher.on_no_match.action.typed_config: action without a type is ${unsupported}`,
      ],
    ],
    [{ matcher: { matcher_list: { matchers: [] } } }, [`.matcher.matcher_list: ${unsupported}`]],
    [
      { matcher: { matcher_tree: { exact_match_map: { map: {} } } } },
      [
        `.matcher.matcher_tree.exact_match_map: ${unsupported}`,
        `.matcher.matcher_tree.input.typed_config: input without a type is ${unsupported}`,
        `.matcher.matcher_tree.custom_match.typed_config: matcher without a type is ${unsupported}`,
      ],
    ],
    [
      { matcher: byRange({ ranges: [] }, { ranges: [range('x', 8)], on_match: udpRoute('a') }) },
      [
        '[0].on_match.action.typed_config: action without a type is not supported by this data plane',
        '[0].ranges: must hold a range',
        '[1].ranges[0].address_prefix: "x" is no IP address',
      ].map((one) => `.matcher.matcher_tree.custom_match.typed_config.range_matchers${one}`),
    ],
  ),
)('a UDP proxy is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeListener(udpListener([udpFilter(patch)])))).toEqual(expected.map((one) => at + one));
});

const onlyOne = 'listener_filters: must be one UDP proxy where the address is of UDP';

test.each(
  refusals<Parameters<typeof udpListener>>(
    [[[]], [onlyOne]],
    [[[udpFilter(), udpFilter()]], [onlyOne]],
    [
      [[inspector()]],
      [
        `${at}: listener filter envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector is ${unsupported} for UDP`,
      ],
    ],
    [
      [[{ ...udpFilter(), filter_disabled: { any_match: true } }]],
      [`listener_filters[0].filter_disabled: ${unsupported}`],
    ],
    [
      [[udpFilter()], { filter_chains: [tcpChain(null)], default_filter_chain: tcpChain(null) }],
      ['filter_chains: does not belong to UDP', 'default_filter_chain: does not belong to UDP'],
    ],
    [
      [[udpFilter()], { udp_listener_config: { quic_options: {} } }],
      [`udp_listener_config.quic_options: ${unsupported}`],
    ],
    [
      [[udpFilter()], { metadata: metadata(l4Metadata, { sessions: 0 }) }],
      [`metadata.filter_metadata["${l4Metadata}"].sessions: must be a whole number of 1 or more`],
    ],
    [
      [[udpFilter()], { address: { socket_address: { address: '127.0.0.1', port_value: 1 } } }],
      [
        `${at}: listener filter envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig is ${unsupported}`,
        'filter_chains: must hold a filter chain',
      ],
    ],
  ),
)('a UDP listener is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeListener(udpListener(...patch)))).toEqual(expected);
});
