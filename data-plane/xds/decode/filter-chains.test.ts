import { expect, test } from 'vitest';
import { hashFormats, l4Metadata } from '../../../proto/l4.ts';
import type { ChainMatchConfig, TcpListenerConfig } from '../../model/config.ts';
import { decodeListener } from './listener.ts';
import { any, httpManager, problemsOf, refusals, seconds, taken } from './testing.ts';
import {
  byState,
  chainListener,
  hashState,
  inspector,
  type Match,
  metadata,
  proxyFilter,
  range,
  setState,
  tcpChain,
  tcpFilter,
  text,
} from './testing-l4.ts';

const unsupported = 'not supported by this data plane';
const at = 'filter_chains[0].filter_chain_match';

function tcpOf(bytes: Uint8Array): TcpListenerConfig {
  const { chain } = taken(decodeListener(bytes));
  if (chain.type !== 'tcp') throw new Error('no TCP listener');
  return chain;
}

const only = (match: Match) => tcpOf(chainListener([tcpChain(match)])).chains[0]?.match;

const anything: ChainMatchConfig = { serverNames: [], alpn: [], transport: null, sources: [], directSources: [] };

test('one chain for everything is what serves everything, however it is said', () => {
  const alone = { type: 'tcp', inspectTls: false, inspectTimeoutMs: 15_000, chains: [] };
  expect(tcpOf(chainListener([tcpChain(null)]))).toMatchObject(alone);
  expect(tcpOf(chainListener([tcpChain({})]))).toMatchObject(alone);
  expect(tcpOf(chainListener([], { default_filter_chain: tcpChain(null) }))).toMatchObject(alone);
});

test('each chain has its match, and the default serves the rest', () => {
  const to = (cluster: string) => ({ filters: [tcpFilter({ cluster })] });
  const bytes = chainListener(
    [tcpChain({ server_names: ['a.example.com'] }, to('a')), tcpChain({ application_protocols: ['h2'] }, to('b'))],
    { default_filter_chain: tcpChain(null, to('rest')), listener_filters_timeout: seconds(3) },
  );
  const { chains, otherwise, inspectTls, inspectTimeoutMs } = tcpOf(bytes);
  expect(chains.map(({ match, proxy }) => [match.serverNames, match.alpn, proxy.to[0]?.cluster])).toEqual([
    [['a.example.com'], [], 'a'],
    [[], ['h2'], 'b'],
  ]);
  expect([otherwise?.to[0]?.cluster, inspectTls, inspectTimeoutMs]).toEqual(['rest', true, 3_000]);
});

test.each<[string, Match, Partial<ChainMatchConfig>]>([
  ['names are lower-case', { server_names: ['DB.example.COM', '*.b'] }, { serverNames: ['db.example.com', '*.b'] }],
  ['a transport is said', { transport_protocol: 'raw_buffer' }, { transport: 'raw_buffer' }],
  ['ranges are as long as they say', { source_prefix_ranges: [range('10.1.2.3', 8)] }, { sources: ['10.0.0.0/8'] }],
  ['no length is none', { source_prefix_ranges: [{ address_prefix: '10.0.0.0' }] }, { sources: ['0.0.0.0/0'] }],
  ['IPv4 has 32 bits', { source_prefix_ranges: [range('10.1.2.3', 99)] }, { sources: ['10.1.2.3/32'] }],
  ['IPv6 has more', { source_prefix_ranges: [range('FD00:1:2:ff::1', 57)] }, { sources: ['fd00:1:2:80::/57'] }],
  [
    'an IPv4 tail counts',
    { source_prefix_ranges: [range('::ffff:10.1.2.3', 104)] },
    { sources: ['::ffff:10.0.0.0/104'] },
  ],
  [
    'who connects is another question',
    { direct_source_prefix_ranges: [range('::1', 128)] },
    { directSources: ['::1/128'] },
  ],
])('of a match: %s', (_law, match, expected) => {
  expect(only(match)).toEqual({ ...anything, ...expected });
});

test.each<[string, Match]>([
  ['a server name', { server_names: ['a'] }],
  ['a protocol', { application_protocols: ['h2'] }],
  ['TLS', { transport_protocol: 'tls' }],
])('a match that asks for %s needs who reads a ClientHello', (_what, match) => {
  expect(problemsOf(decodeListener(chainListener([tcpChain(match)], { listener_filters: [] })))).toEqual([
    `${at}: needs a tls_inspector among listener_filters, or nothing will match`,
  ]);
});

test('an inspector waits for a ClientHello without any match', () => {
  const fingerprints = { enable_ja3_fingerprinting: { value: true }, initial_read_buffer_size: { value: 512 } };
  const listener_filters = [inspector(fingerprints)];
  expect(tcpOf(chainListener([tcpChain(null)], { listener_filters })).inspectTls).toBe(true);
});

test('the port of the listener is no condition', () => {
  const address = { socket_address: { address: '127.0.0.1', port_value: 8443 } };
  const bytes = chainListener([tcpChain({ destination_port: { value: 8443 }, server_names: ['a'] })], { address });
  expect(tcpOf(bytes).chains[0]?.match).toEqual({ ...anything, serverNames: ['a'] });
});

const stated = (format: string) => [setState(hashState({ format_string: text(format) })), tcpFilter(byState('k'))];
const hashOf = (filters: ReturnType<typeof stated>, said: Record<string, unknown> = {}) =>
  tcpOf(chainListener([tcpChain(null, { filters, metadata: metadata(l4Metadata, said) })])).otherwise?.hash;

test('a connection is hashed by its source, or by a text that a filter in front has kept', () => {
  expect(hashOf([tcpFilter({ hash_policy: [{ source_ip: {} }] })])).toEqual({ type: 'source' });
  expect(hashOf(stated('%DOWNSTREAM_REMOTE_ADDRESS%'))).toEqual({
    ...{ type: 'text', format: '%DOWNSTREAM_REMOTE_ADDRESS%', means: null },
  });
  const format = hashFormats['five-tuple'];
  expect(hashOf(stated(format), { hash: 'five-tuple' })).toEqual({ type: 'text', format, means: 'five-tuple' });
});

test('a listener of documents says who moves its bytes', () => {
  const chain = tcpChain(null, { metadata: metadata(l4Metadata, { datapath: 'auto' }) });
  expect(tcpOf(chainListener([chain])).otherwise?.datapath).toBe('auto');
});

test('what the endpoint is told in a PROXY header beside its cluster is a value or a text', () => {
  const proxy_protocol_tlvs = [
    { type: 0xe0, value: Buffer.from('fairlead') },
    { type: 5, format_string: text('%DOWNSTREAM_REMOTE_ADDRESS%') },
  ];
  expect(
    tcpOf(chainListener([tcpChain(null, { filters: [tcpFilter({ proxy_protocol_tlvs })] })])).otherwise,
  ).toMatchObject({
    proxyTlvs: [
      { type: 0xe0, value: { bytes: Buffer.from('fairlead') } },
      { type: 5, value: { format: '%DOWNSTREAM_REMOTE_ADDRESS%' } },
    ],
  });
});

test.each(
  refusals<Match>(
    [{ server_names: ['a.*'] }, [`${at}.server_names[0]: may have no wildcard but *. in front`]],
    [{ server_names: [''] }, [`${at}.server_names[0]: must not be empty`]],
    [{ application_protocols: [''] }, [`${at}.application_protocols[0]: must not be empty`]],
    [{ transport_protocol: 'quic' }, [`${at}.transport_protocol: "quic" is ${unsupported}`]],
    [{ prefix_ranges: [range('10.0.0.0', 8)] }, [`${at}.prefix_ranges: ${unsupported}`]],
    [{ source_type: 'EXTERNAL' }, [`${at}.source_type: "EXTERNAL" is ${unsupported}`]],
    [{ source_ports: [80] }, [`${at}.source_ports: ${unsupported}`]],
    [
      { address_suffix: 'a', suffix_len: { value: 1 } },
      [`${at}.address_suffix: ${unsupported}`, `${at}.suffix_len: ${unsupported}`],
    ],
    [
      { destination_port: { value: 80 } },
      [`${at}.destination_port: another port than that of the listener is ${unsupported}`],
    ],
    [
      { source_prefix_ranges: [range('a', 8)], direct_source_prefix_ranges: [range('::', 129)] },
      [
        `${at}.source_prefix_ranges[0].address_prefix: "a" is no IP address`,
        `${at}.direct_source_prefix_ranges[0].prefix_len: must be between 0 and 128`,
      ],
    ],
  ),
)('a match is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeListener(chainListener([tcpChain(patch)])))).toEqual(expected);
});

const many = (words: string, count: number) => Array.from({ length: count }, (_, index) => `${words}${index}`);
const http = {
  filters: [
    {
      name: 'http',
      typed_config: any(
        'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
        httpManager(),
      ),
    },
  ],
};
const limited = (value: number) => ({
  filters: [
    {
      name: 'limit',
      typed_config: any('envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit', {
        max_connections: { value },
      }),
    },
    tcpFilter(),
  ],
});
const address = { socket_address: { address: '127.0.0.1', port_value: 80 } };
const port = { destination_port: { value: 80 } };
const second = 'filter_chains[1].filter_chain_match';

test.each(
  refusals<Parameters<typeof chainListener>>(
    [
      [[tcpChain({ server_names: ['a', 'b'] }), tcpChain({ server_names: ['c', 'B'] })]],
      [`${second}: matches connections that ${at} matches as well`],
    ],
    [[[tcpChain(null), tcpChain({})]], [`${second}: matches connections that ${at} matches as well`]],
    [
      [
        [
          tcpChain({ source_prefix_ranges: [range('10.1.0.0', 8)] }),
          tcpChain({ source_prefix_ranges: [range('10.2.0.0', 8)] }),
        ],
      ],
      [`${second}: matches connections that ${at} matches as well`],
    ],
    [[[tcpChain({ application_protocols: ['h2', 'h2'] })]], [`${at}: says something twice`]],
    [
      [[tcpChain({ server_names: many('n', 1_000), application_protocols: many('p', 101) })]],
      ['filter_chains: say 101000 combinations of what they match, which must not be more than 100000'],
    ],
    [
      [[tcpChain(port), tcpChain({ server_names: ['a'] })], { address }],
      [`${at}.destination_port: on some chains only it is ${unsupported}`],
    ],
    [
      [[tcpChain(port)], { address, listener_filters: [proxyFilter()] }],
      [`${at}.destination_port: beside a proxy_protocol filter it is ${unsupported}`],
    ],
    [
      [[], { default_filter_chain: tcpChain({ server_names: ['a'] }) }],
      [`default_filter_chain.filter_chain_match.server_names: ${unsupported}`],
    ],
    [
      [[tcpChain({ server_names: ['a'] }), http]],
      [`filter_chains: more than one, and HTTP among them, is ${unsupported}`],
    ],
    [[[{ ...http, filter_chain_match: { server_names: ['a'] } }]], [`${at}.server_names: ${unsupported}`]],
    [
      [[{ ...http, filter_chain_match: { direct_source_prefix_ranges: [range('::', 0)] } }]],
      [`${at}.direct_source_prefix_ranges: ${unsupported}`],
    ],
    [
      [[tcpChain({ server_names: ['a'] }, limited(1)), tcpChain({ server_names: ['b'] }, limited(2))]],
      [`filter_chains: limits of connections that differ from chain to chain are ${unsupported}`],
    ],
    [
      [[tcpChain(null, { metadata: metadata(l4Metadata, { datapath: 'gpu', hash: 'x', sessions: 1, more: 'y' }) })]],
      [
        `filter_chains[0].metadata.filter_metadata["${l4Metadata}"].more: ${unsupported}`,
        `filter_chains[0].metadata.filter_metadata["${l4Metadata}"].datapath: must be one of user, kernel, auto`,
        `filter_chains[0].metadata.filter_metadata["${l4Metadata}"].hash: must be one of five-tuple, source, destination-port, authority`,
        `filter_chains[0].metadata.filter_metadata["${l4Metadata}"].sessions: belongs to UDP listeners only`,
        'filter_chains[0].filters[0].typed_config.hash_policy: must be x, as metadata says',
      ],
    ],
    [
      [[tcpChain(null)], { listener_filters: [inspector(), proxyFilter()] }],
      ['listener_filters[1]: must stand before the TLS inspector, as its header does'],
    ],
    [
      [[tcpChain(null)], { listener_filters: [proxyFilter(), proxyFilter(), inspector(), inspector()] }],
      ['listener_filters[1]: is there already', 'listener_filters[3]: is there already'],
    ],
    [
      [[tcpChain(null)], { listener_filters: [inspector({ close_connection_on_client_hello_parsing_errors: true })] }],
      [`listener_filters[0].typed_config.close_connection_on_client_hello_parsing_errors: true is ${unsupported}`],
    ],
    [
      [[tcpChain(null)], { listener_filters: [inspector({ max_client_hello_size: { value: 1_024 } })] }],
      [`listener_filters[0].typed_config.max_client_hello_size: 1024 is ${unsupported}`],
    ],
    [
      [[tcpChain(null)], { listener_filters: [{ ...inspector(), filter_disabled: { any_match: true } }] }],
      [`listener_filters[0].filter_disabled: ${unsupported}`],
    ],
    [
      [[tcpChain(null)], { listener_filters: [inspector()], continue_on_listener_filters_timeout: true }],
      [`continue_on_listener_filters_timeout: true is ${unsupported}`],
    ],
    [
      [
        [tcpChain(null)],
        {
          listener_filters: [
            { name: 'x', typed_config: { type_url: 'type.googleapis.com/x.HttpInspector', value: Buffer.of() } },
          ],
        },
      ],
      [`listener_filters[0].typed_config: listener filter x.HttpInspector is ${unsupported}`],
    ],
  ),
)('chains are refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeListener(chainListener(...patch)))).toEqual(expected);
});

const proxied = 'filter_chains[0].filters[1].typed_config';
const state = 'filter_chains[0].filters[0].typed_config.on_new_connection[0]';

test.each(
  refusals<Parameters<typeof setState>[0] | null>(
    [null, [`${proxied}.hash_policy[0].filter_state.key: no filter in front sets it`]],
    [
      hashState({ object_key: 'other' }),
      [
        `${state}: a value that no hash_policy asks for is ${unsupported}`,
        `${proxied}.hash_policy[0].filter_state.key: no filter in front sets it`,
      ],
    ],
    [
      hashState({ factory_key: 'envoy.string' }),
      [`${state}.factory_key: anything but envoy.hashable_string is ${unsupported}`],
    ],
    [hashState({ factory_key: '' }), [`${state}.factory_key: anything but envoy.hashable_string is ${unsupported}`]],
    [hashState({ skip_if_empty: true }), [`${state}.skip_if_empty: true is ${unsupported}`]],
    [hashState({ format_string: null }), [`${state}.format_string: must be set`]],
    [hashState({ format_string: {} }), [`${state}.format_string.text_format: must not be empty`]],
    [
      hashState({ format_string: { json_format: {} } }),
      [`${state}.format_string.json_format: ${unsupported}`, `${state}.format_string.text_format: must not be empty`],
    ],
    [
      hashState({ format_string: { ...text('%START_TIME%'), omit_empty_values: true } }),
      [`${state}.format_string.omit_empty_values: ${unsupported}`],
    ],
    [
      hashState({ format_string: text('%') }),
      [
        `${state}.format_string.text_format_source: lone "%" at character 1: write %% for a percent sign, %OPERATOR% for an operator`,
      ],
    ],
  ),
)('a text to hash is refused: $law', ({ patch, expected }) => {
  const filters = [setState(...(patch === null ? [] : [patch])), tcpFilter(byState('k'))];
  expect(problemsOf(decodeListener(chainListener([tcpChain(null, { filters })])))).toEqual(expected);
});

test.each(
  refusals<Parameters<typeof tcpFilter>[0]>(
    [{ hash_policy: [{}] }, ['.hash_policy[0]: says no key']],
    [{ hash_policy: [{ filter_state: {} }] }, ['.hash_policy[0].filter_state.key: must not be empty']],
    [{ hash_policy: [{ source_ip: {} }, { source_ip: {} }] }, ['.hash_policy: must not hold more than one policy']],
    [{ proxy_protocol_tlvs: [{ type: 5 }] }, ['.proxy_protocol_tlvs[0]: must have either a value or a format_string']],
    [
      { proxy_protocol_tlvs: [{ type: 256, value: Buffer.from('a'), format_string: text('a') }] },
      [
        '.proxy_protocol_tlvs[0].type: must be between 0 and 255',
        '.proxy_protocol_tlvs[0]: must have either a value or a format_string',
      ],
    ],
    [
      { proxy_protocol_tlvs: [{ type: 224, value: Buffer.alloc(65_536) }] },
      ['.proxy_protocol_tlvs[0].value: must not be longer than 65535 bytes'],
    ],
  ),
)('a TCP proxy is refused: $law', ({ patch, expected }) => {
  const filters = [tcpFilter(patch)];
  expect(problemsOf(decodeListener(chainListener([tcpChain(null, { filters })])))).toEqual(
    expected.map((one) => `filter_chains[0].filters[0].typed_config${one}`),
  );
});

test("own TLVs beside those of a client's header take the place of theirs, or are refused", () => {
  const proxy_protocol_tlvs = [{ type: 5, value: Buffer.from('a') }];
  const problems = (patch: Parameters<typeof tcpFilter>[0]) => {
    const chain = tcpChain(null, { filters: [tcpFilter({ proxy_protocol_tlvs, ...patch })] });
    return problemsOf(decodeListener(chainListener([chain], { listener_filters: [proxyFilter()] })));
  };
  const policy = 'OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD';
  expect(problems({ proxy_protocol_tlv_merge_policy: policy })).toEqual([]);
  expect(problems({})).toEqual([
    `filter_chains[0].filters[0].typed_config.proxy_protocol_tlv_merge_policy: ADD_IF_ABSENT beside a proxy_protocol filter is ${unsupported}: ${policy}`,
  ]);
});

test('filter state in front of HTTP is refused', () => {
  const filters = [setState(hashState()), ...http.filters];
  expect(problemsOf(decodeListener(chainListener([{ filters }])))).toEqual([
    `${state}: in front of HTTP is ${unsupported}`,
  ]);
});
