/** What is wrong below HTTP by Envoy's own rules: it and we refuse the same. */
import { expect, test } from 'vitest';
import { requirePeer } from '../../../e2e/support/peers.ts';
import { decode, encode } from '../../../proto/codec.ts';
import { decoders } from './decoders.ts';
import { startJudge } from './envoy-testing.ts';
import { edsCluster, problemsOf } from './testing.ts';
import {
  byRange,
  byState,
  chainListener,
  hashState,
  headedCluster,
  inspector,
  type Match,
  proxyFilter,
  range,
  setState,
  tcpChain,
  tcpFilter,
  text,
  udpFilter,
  udpListener,
  udpRoute,
} from './testing-l4.ts';

interface Case {
  readonly type: 'clusters' | 'listeners';
  readonly bytes: Uint8Array;
  readonly expected: string;
}

const listener = (bytes: Uint8Array, expected: string): Case => ({ type: 'listeners', bytes, expected });
const at = 'filter_chains[0].filter_chain_match';

const matching = (match: Match, expected: string): Case =>
  listener(chainListener([tcpChain(match)]), `${at}${expected}`);
const twice = (first: Match | null, second: Match | null): Case =>
  listener(
    chainListener([tcpChain(first), tcpChain(second)]),
    `filter_chains[1].filter_chain_match: matches connections that ${at} matches as well`,
  );

const chains: readonly Case[] = [
  listener(chainListener([]), 'filter_chains: must hold a filter chain'),
  matching({ server_names: ['*'] }, '.server_names[0]: may have no wildcard but *. in front'),
  matching({ server_names: ['*a.com'] }, '.server_names[0]: may have no wildcard but *. in front'),
  matching({ server_names: ['a', 'a'] }, ': says something twice'),
  matching({ application_protocols: ['h2', 'h2'] }, ': says something twice'),
  matching({ source_prefix_ranges: [range('10.0.0.0', 8), range('10.1.0.0', 8)] }, ': says something twice'),
  matching({ source_prefix_ranges: [range('a', 8)] }, '.source_prefix_ranges[0].address_prefix: "a" is no IP address'),
  matching(
    { source_prefix_ranges: [range('::', 129)] },
    '.source_prefix_ranges[0].prefix_len: must be between 0 and 128',
  ),
  matching({ destination_port: {} }, '.destination_port: must be between 1 and 65535'),
  twice(null, {}),
  twice({ server_names: ['a', 'b'] }, { server_names: ['c', 'B'] }),
  twice({ source_prefix_ranges: [{ address_prefix: '10.0.0.0' }] }, { source_prefix_ranges: [range('0.0.0.0', 0)] }),
  twice({ source_prefix_ranges: [range('10.0.0.1', 33)] }, { source_prefix_ranges: [range('10.0.0.1', 32)] }),
];

const filtered = (filter: ReturnType<typeof proxyFilter>, expected: string): Case =>
  listener(
    chainListener([tcpChain(null)], { listener_filters: [filter] }),
    `listener_filters[0].typed_config${expected}`,
  );
const key = { key: 'a' };

const inFront: readonly Case[] = [
  filtered(
    { name: 'envoy.filters.listener.tls_inspector' },
    ': listener filter without a type is not supported by this data plane',
  ),
  filtered(
    inspector({ max_client_hello_size: { value: 100_000 } }),
    '.max_client_hello_size: 100000 is not supported by this data plane',
  ),
  filtered(
    proxyFilter({ rules: [{ tlv_type: 256, on_tlv_present: key }] }),
    '.rules[0].tlv_type: must be between 0 and 255',
  ),
  filtered(
    proxyFilter({ rules: [{ tlv_type: 2, on_tlv_present: {} }] }),
    '.rules[0].on_tlv_present.key: must not be empty',
  ),
  filtered(
    proxyFilter({ pass_through_tlvs: { match_type: 'INCLUDE', tlv_type: [256] } }),
    '.pass_through_tlvs.tlv_type[0]: must be between 0 and 255',
  ),
  filtered(
    proxyFilter({ disallowed_versions: ['V1', 'V2'] }),
    '.disallowed_versions: not supported by this data plane',
  ),
  listener(
    chainListener([tcpChain(null)], { listener_filters_timeout: { seconds: -1 } }),
    'listener_filters_timeout: must be a duration of 0 or more',
  ),
];

const proxied = (patch: Parameters<typeof tcpFilter>[0], expected: string): Case =>
  listener(
    chainListener([tcpChain(null, { filters: [tcpFilter(patch)] })]),
    `filter_chains[0].filters[0].typed_config.${expected}`,
  );
const stated = (state: Parameters<typeof hashState>[0], expected: string): Case =>
  listener(
    chainListener([tcpChain(null, { filters: [setState(hashState(state)), tcpFilter(byState('k'))] })]),
    `filter_chains[0].filters[0].typed_config.on_new_connection[0].${expected}`,
  );
const byText = { type: 5, format_string: text('a') };

const proxies: readonly Case[] = [
  proxied({ hash_policy: [{}] }, 'hash_policy[0]: says no key'),
  proxied({ hash_policy: [{ filter_state: {} }] }, 'hash_policy[0].filter_state.key: must not be empty'),
  proxied({ hash_policy: [{ source_ip: {} }, { source_ip: {} }] }, 'hash_policy: must not hold more than one policy'),
  proxied(
    { proxy_protocol_tlvs: [{ type: 5 }] },
    'proxy_protocol_tlvs[0]: must have either a value or a format_string',
  ),
  proxied(
    { proxy_protocol_tlvs: [{ ...byText, value: Buffer.from('a') }] },
    'proxy_protocol_tlvs[0]: must have either a value or a format_string',
  ),
  proxied(
    { proxy_protocol_tlvs: [{ ...byText, type: 256 }] },
    'proxy_protocol_tlvs[0].type: must be between 0 and 255',
  ),
  stated({ factory_key: 'x' }, 'factory_key: anything but envoy.hashable_string is not supported by this data plane'),
  stated({ format_string: null }, 'format_string: must be set'),
  stated({ format_string: {} }, 'format_string.text_format: must not be empty'),
  listener(
    chainListener([tcpChain(null, { filters: [setState()] })]),
    'filter_chains[0].filters[0]: must stand before the filter that ends the chain',
  ),
];

const datagrams = (patch: Parameters<typeof udpFilter>[0], expected: string): Case =>
  listener(udpListener([udpFilter(patch)]), `listener_filters[0].typed_config.${expected}`);
const tree = 'matcher.matcher_tree.custom_match.typed_config.range_matchers[0]';

const udp: readonly Case[] = [
  datagrams({ stat_prefix: '' }, 'stat_prefix: must not be empty'),
  datagrams({ matcher: null }, 'cluster: must not be empty'),
  datagrams(
    { matcher: { on_no_match: udpRoute('') } },
    'matcher.on_no_match.action.typed_config.cluster: must not be empty',
  ),
  datagrams({ matcher: byRange({ ranges: [], on_match: udpRoute('a') }) }, `${tree}.ranges: must hold a range`),
  datagrams(
    { matcher: byRange({ ranges: [range('10.0.0', 8)], on_match: udpRoute('a') }) },
    `${tree}.ranges[0].address_prefix: "10.0.0" is no IP address`,
  ),
  datagrams({ hash_policies: [{}] }, 'hash_policies[0]: says no key'),
  datagrams({ hash_policies: [{ source_ip: false }] }, 'hash_policies[0]: says no key'),
  datagrams(
    { hash_policies: [{ source_ip: true }, { key: 'a' }] },
    'hash_policies: must not hold more than one policy',
  ),
  datagrams({ idle_timeout: { seconds: -1 } }, 'idle_timeout: must be a duration of 0 or more'),
  listener(udpListener([udpFilter()], { filter_chains: [tcpChain(null)] }), 'filter_chains: does not belong to UDP'),
  listener(
    udpListener([udpFilter()], { default_filter_chain: tcpChain(null) }),
    'default_filter_chain: does not belong to UDP',
  ),
];

const headed = (patch: Parameters<typeof headedCluster>[0], expected: string): Case => ({
  type: 'clusters',
  bytes: headedCluster(patch),
  expected: `transport_socket.typed_config.${expected}`,
});

const headers: readonly Case[] = [
  headed({ transport_socket: null }, 'transport_socket: must be set'),
  headed(
    { config: { added_tlvs: [{ type: 5 }] } },
    'config.added_tlvs[0]: must have either a value or a format_string',
  ),
  headed(
    { config: { added_tlvs: [{ ...byText, type: 256 }] } },
    'config.added_tlvs[0].type: must be between 0 and 255',
  ),
  headed(
    { config: { pass_through_tlvs: { match_type: 'INCLUDE', tlv_type: [256] } } },
    'config.pass_through_tlvs.tlv_type[0]: must be between 0 and 255',
  ),
];

const cases: readonly Case[] = [...chains, ...inFront, ...proxies, ...udp, ...headers];

/** Taken by both, each with something that Envoy could mind. */
const good: readonly Omit<Case, 'expected'>[] = [
  { type: 'clusters', bytes: headedCluster() },
  { type: 'clusters', bytes: headedCluster({ config: { added_tlvs: [byText, byText] } }) },
  {
    type: 'listeners',
    bytes: chainListener([tcpChain({ server_names: ['*.'] }), tcpChain({ server_names: ['*.*.com'] })], {
      default_filter_chain: tcpChain(null),
      listener_filters: [proxyFilter({ rules: [{ tlv_type: 2 }] }), inspector()],
    }),
  },
  {
    type: 'listeners',
    bytes: chainListener([tcpChain(null, { filters: [setState(hashState()), tcpFilter(byState('k'))] })]),
  },
  {
    type: 'listeners',
    bytes: udpListener([udpFilter({ matcher: byRange({ ranges: [range('10.0.0.0', 33)], on_match: udpRoute('a') }) })]),
  },
  { type: 'listeners', bytes: udpListener([udpFilter({ matcher: {} })]) },
];

test.each(cases.map((one) => ({ law: one.expected, ...one })))('refused: $law', ({ type, bytes, expected }) => {
  expect(problemsOf(decoders[type](bytes))).toEqual([expected]);
});

test('what these say wrongly makes all the difference', () => {
  for (const { type, bytes } of good) expect(problemsOf(decoders[type](bytes))).toEqual([]);
});

/** Under a name of its own: a listener that is there may not change from TCP to UDP. */
function renamed({ type, bytes }: Omit<Case, 'expected'>, name: string): Uint8Array {
  const message = type === 'clusters' ? 'envoy.config.cluster.v3.Cluster' : 'envoy.config.listener.v3.Listener';
  return encode(message, { ...decode(message, bytes), name });
}

test.skipIf(requirePeer('envoy') === undefined)('a real Envoy refuses the same', async () => {
  const objections = await startJudge();
  // listeners wait for the first clusters
  const first = edsCluster({ name: 'first', type: 'STATIC', eds_cluster_config: null });
  expect(await objections('clusters', 'first', first)).toBe('');
  let count = 0;
  const judge = (one: Omit<Case, 'expected'>) => {
    const name = `l4-${count++}`;
    return objections(one.type, name, renamed(one, name));
  };
  for (const one of good) expect(await judge(one)).toBe('');
  for (const one of cases) expect(await judge(one), one.expected).not.toBe('');
});
