import { expect, test } from 'vitest';
import { proxyProtocolFilter, proxyProtocolMetadata } from '../../../proto/l4.ts';
import type { ProxyProtocolConfig } from '../../model/config.ts';
import { decodeCluster } from './cluster.ts';
import { decodeListener } from './listener.ts';
import { any, httpManager, httpOptionsName, problemsOf, refusals, seconds, taken } from './testing.ts';
import {
  chainListener,
  headedCluster,
  inspector,
  metadata,
  proxyFilter,
  range,
  rawBuffer,
  tcpChain,
  text,
} from './testing-l4.ts';

const unsupported = 'not supported by this data plane';

type Chains = Parameters<typeof chainListener>[0];
type Around = Parameters<typeof chainListener>[1];

const listenerOf = (chains: Chains, filter = proxyFilter(), around: Around = {}) =>
  taken(decodeListener(chainListener(chains, { listener_filters: [filter], ...around })));

const protocolOf = (...given: Parameters<typeof listenerOf>): ProxyProtocolConfig | null =>
  listenerOf(...given).config.proxyProtocol;

const manager = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const httpChain = { filters: [{ name: 'http', typed_config: any(manager, httpManager()) }] };

test('without a word everybody has to send a header, nothing of which is kept or goes on', () => {
  expect(protocolOf([tcpChain(null)])).toEqual({
    required: true,
    trust: null,
    untrusted: 'closed',
    tlvs: [],
    passTlvs: [],
    timeoutMs: 15_000,
  });
});

test('what the filter says is carried over', () => {
  const filter = proxyFilter({
    allow_requests_without_proxy_protocol: true,
    rules: [
      { tlv_type: 2, on_tlv_present: { key: 'first' } },
      { tlv_type: 5, on_tlv_present: { key: 'unique_id', metadata_namespace: proxyProtocolFilter } },
      { tlv_type: 2, on_tlv_present: { key: 'authority', value_string_encoding: 'SANITIZED_UTF8' } },
      { tlv_type: 7 },
    ],
    pass_through_tlvs: { match_type: 'INCLUDE', tlv_type: [5, 0xe0] },
    stat_prefix: 'p',
    tlv_location: 'FILTER_STATE',
  });
  expect(protocolOf([tcpChain(null)], filter, { listener_filters_timeout: seconds(2) })).toMatchObject({
    required: false,
    tlvs: [
      { type: 2, name: 'authority' },
      { type: 5, name: 'unique_id' },
    ],
    passTlvs: [5, 0xe0],
    timeoutMs: 2_000,
  });
  expect(protocolOf([tcpChain(null)], proxyFilter({ pass_through_tlvs: {} }))?.passTlvs).toBe('all');
});

const near = { direct_source_prefix_ranges: [range('10.0.0.0', 8), range('fd00::', 8)] };

test('whom all chains want to be connected with is who is believed, and no question of a chain any more', () => {
  const { config, chain } = listenerOf([
    tcpChain({ ...near, source_prefix_ranges: [range('192.0.2.0', 24)] }),
    tcpChain(near),
  ]);
  expect(config.proxyProtocol).toMatchObject({ trust: ['10.0.0.0/8', 'fd00::/8'], untrusted: 'closed' });
  expect(chain.type === 'tcp' && chain.chains.map(({ match }) => match.directSources)).toEqual([[], []]);
});

test('chains that disagree, or a default, believe everybody and choose afterwards', () => {
  const far = { direct_source_prefix_ranges: [range('11.0.0.0', 8)] };
  const { config, chain } = listenerOf([tcpChain(near), tcpChain(far)]);
  expect(config.proxyProtocol?.trust).toBe(null);
  expect(chain.type === 'tcp' && chain.chains[1]?.match.directSources).toEqual(['11.0.0.0/8']);
  expect(protocolOf([tcpChain(near)], proxyFilter(), { default_filter_chain: tcpChain(null) })?.trust).toBe(null);
});

test('in front of HTTP it is the one thing that a match may say, and others may come without a header', () => {
  const around = { metadata: metadata(proxyProtocolMetadata, { untrusted: 'plain' }) };
  const { config, chain } = listenerOf([{ ...httpChain, filter_chain_match: near }], proxyFilter(), around);
  expect(chain.type).toBe('http');
  expect(config.proxyProtocol).toMatchObject({ trust: ['10.0.0.0/8', 'fd00::/8'], untrusted: 'plain' });
});

test('a TLS inspector may stand behind it', () => {
  const around = { listener_filters: [proxyFilter(), inspector()] };
  expect(protocolOf([tcpChain(null)], undefined, around)).not.toBe(null);
});

const at = 'listener_filters[0].typed_config';

test.each(
  refusals<Parameters<typeof proxyFilter>[0]>(
    [{ disallowed_versions: ['V1'] }, [`.disallowed_versions: ${unsupported}`]],
    [
      { rules: [{ tlv_type: 256, on_tlv_present: {} }] },
      ['.rules[0].tlv_type: must be between 0 and 255', '.rules[0].on_tlv_present.key: must not be empty'],
    ],
    [
      { rules: [{ tlv_type: 2, on_tlv_present: { key: 'a', metadata_namespace: 'x' } }] },
      [`.rules[0].on_tlv_present.metadata_namespace: "x" is ${unsupported}`],
    ],
    [
      { rules: [{ tlv_type: 2, on_tlv_present: { key: 'a', value_string_encoding: 'BASE64' } }] },
      [`.rules[0].on_tlv_present.value_string_encoding: "BASE64" is ${unsupported}`],
    ],
    [
      { pass_through_tlvs: { match_type: 'INCLUDE', tlv_type: [256] } },
      ['.pass_through_tlvs.tlv_type[0]: must be between 0 and 255'],
    ],
    [{ pass_through_tlvs: { match_type: 9 as never } }, [`.pass_through_tlvs.match_type: 9 is ${unsupported}`]],
  ),
)('a proxy_protocol filter is refused: $law', ({ patch, expected }) => {
  const bytes = chainListener([tcpChain(null)], { listener_filters: [proxyFilter(patch)] });
  expect(problemsOf(decodeListener(bytes))).toEqual(expected.map((one) => at + one));
});

test('metadata that says anything else of others is refused', () => {
  const place = `metadata.filter_metadata["${proxyProtocolMetadata}"]`;
  const around = {
    listener_filters: [proxyFilter()],
    metadata: metadata(proxyProtocolMetadata, { untrusted: 'nice', more: 'x' }),
  };
  expect(problemsOf(decodeListener(chainListener([tcpChain(null)], around)))).toEqual([
    `${place}.more: ${unsupported}`,
    `${place}.untrusted: must be plain`,
  ]);
});

const headerOf = (...given: Parameters<typeof headedCluster>) =>
  taken(decodeCluster(headedCluster(...given))).config.proxyHeader;

test('endpoints of a cluster get a header of the first version where nothing is said', () => {
  expect(headerOf({ config: null })).toEqual({ version: 1, passTlvs: [], tlvs: [] });
});

test('or of the second, with TLVs that were passed on, written down or made of the connection', () => {
  const added_tlvs = [
    { type: 0xe1, value: Buffer.from('a') },
    { type: 5, format_string: text('%DOWNSTREAM_REMOTE_ADDRESS%') },
  ];
  expect(headerOf({ config: { version: 'V2', pass_through_tlvs: {}, added_tlvs } })).toEqual({
    version: 2,
    passTlvs: 'all',
    tlvs: [
      { type: 0xe1, value: { bytes: Buffer.from('a') } },
      { type: 5, value: { format: '%DOWNSTREAM_REMOTE_ADDRESS%' } },
    ],
  });
  const some = { pass_through_tlvs: { match_type: 'INCLUDE' as const, tlv_type: [2] } };
  expect(headerOf({ config: { version: 'V2', ...some } })).toEqual({ version: 2, passTlvs: [2], tlvs: [] });
});

test('endpoints that speak HTTP get one as well', () => {
  const options = any(httpOptionsName, { explicit_http_config: { http_protocol_options: {} } });
  const cluster = headedCluster({}, { typed_extension_protocol_options: { [httpOptionsName]: options } });
  expect(taken(decodeCluster(cluster)).config).toMatchObject({ protocol: 'http1', proxyHeader: { version: 2 } });
});

const socket = 'transport_socket.typed_config';

test.each(
  refusals<Parameters<typeof headedCluster>>(
    [[{ transport_socket: null }], [`${socket}.transport_socket: must be set`]],
    [
      [
        {
          transport_socket: {
            ...rawBuffer,
            typed_config: { type_url: 'type.googleapis.com/x.Tls', value: Buffer.of() },
          },
        },
      ],
      [`${socket}.transport_socket: x.Tls is ${unsupported}`],
    ],
    [[{ config: { version: 9 as never } }], [`${socket}.config.version: 9 is ${unsupported}`]],
    [
      [{ config: { added_tlvs: [{ type: 300 }] } }],
      [
        `${socket}.config.added_tlvs[0].type: must be between 0 and 255`,
        `${socket}.config.added_tlvs[0]: must have either a value or a format_string`,
      ],
    ],
  ),
)('a PROXY header for endpoints is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeCluster(headedCluster(...patch)))).toEqual(expected);
});
