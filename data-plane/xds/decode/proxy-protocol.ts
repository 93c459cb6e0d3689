/** PROXY headers: what a listener makes of those that come, and what a cluster's endpoints get. */
import type { Cluster, ProxyProtocol, ProxyProtocolUpstreamTransport, TcpProxy } from '../../../proto/envoy.ts';
import { proxyProtocolFilter, proxyProtocolMetadata } from '../../../proto/l4.ts';
import type { ProxyHeaderConfig, ProxyProtocolConfig, ProxyTlvConfig } from '../../model/config.ts';
import { readText } from './access-log.ts';
import { checkTransportSocket } from './address.ts';
import { checkFields, fieldTable } from './fields.ts';
import { anyName, type StructMessage, structToJson, unpackAny } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import { required } from './values.ts';

export const proxyProtocol = 'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol';
const upstreamTransport = 'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport';

const filterFields = fieldTable(proxyProtocol, {
  carried: ['rules', 'allow_requests_without_proxy_protocol', 'pass_through_tlvs'],
  // logs find TLVs by either of the operators that Envoy has for its two locations
  ignored: ['stat_prefix', 'tlv_location'],
});
const ruleFields = fieldTable(`${proxyProtocol}.Rule`, { carried: ['tlv_type', 'on_tlv_present'] });
const pairFields = fieldTable(`${proxyProtocol}.KeyValuePair`, {
  carried: ['key'],
  // logs, which are who asks for them, know no other namespace
  only: { metadata_namespace: ['', proxyProtocolFilter], value_string_encoding: ['UNSPECIFIED', 'SANITIZED_UTF8'] },
});
const passFields = fieldTable('envoy.config.core.v3.ProxyProtocolPassThroughTLVs', {
  carried: ['match_type', 'tlv_type'],
});
const transportFields = fieldTable(upstreamTransport, {
  carried: ['config', 'transport_socket'],
  // connections that tell of a client are its own alone; a client always has an address
  ignored: ['tlv_as_pool_key', 'allow_unspecified_address'],
});
const headerFields = fieldTable('envoy.config.core.v3.ProxyProtocolConfig', {
  carried: ['version', 'pass_through_tlvs', 'added_tlvs'],
});
const tlvFields = fieldTable('envoy.config.core.v3.TlvEntry', { carried: ['type', 'value', 'format_string'] });

/** What the listener filter itself says. */
export type ReadProxyProtocol = Omit<ProxyProtocolConfig, 'trust' | 'untrusted' | 'timeoutMs'>;

export function readProxyProtocol(place: Place, message: ProxyProtocol): ReadProxyProtocol {
  checkFields(place, message, filterFields);
  const named = new Map<number, string>();
  (message.rules ?? []).forEach((rule, index) => {
    const at = place.item('rules', index);
    checkFields(at, rule, ruleFields);
    const type = checkType(at.field('tlv_type'), rule.tlv_type);
    if (!rule.on_tlv_present) return;
    const inside = at.field('on_tlv_present');
    checkFields(inside, rule.on_tlv_present, pairFields);
    named.set(type, required(inside.field('key'), rule.on_tlv_present.key));
  });
  return {
    required: !(message.allow_requests_without_proxy_protocol ?? false),
    tlvs: [...named].map(([type, name]) => ({ type, name })),
    passTlvs: readPassed(place.field('pass_through_tlvs'), message.pass_through_tlvs),
  };
}

/** What a listener's metadata says of those whose headers are not believed. */
export function readUntrusted(
  place: Place,
  metadata: { readonly filter_metadata?: object } | null | undefined,
): ProxyProtocolConfig['untrusted'] {
  const all = metadata?.filter_metadata as Readonly<Record<string, StructMessage>> | undefined;
  const said = all?.[proxyProtocolMetadata];
  if (said === undefined) return 'closed';
  const at = place.field('metadata').entry('filter_metadata', proxyProtocolMetadata);
  const { untrusted, ...others } = structToJson(said);
  for (const name of Object.keys(others)) at.field(name).refuse(unsupported);
  if (untrusted !== 'plain') at.field('untrusted').refuse('must be plain');
  return 'plain';
}

/** Null: the cluster's transport socket is no upstream_proxy_protocol. */
export function readProxyHeader(place: Place, { transport_socket: socket }: Cluster): ProxyHeaderConfig | null {
  const at = place.field('transport_socket');
  if (anyName(socket?.typed_config) !== upstreamTransport) {
    checkTransportSocket(at, socket);
    return null;
  }
  const message = unpackAny(at.field('typed_config'), upstreamTransport, socket?.typed_config);
  return message === null ? null : readTransport(at.field('typed_config'), message);
}

function readTransport(place: Place, message: ProxyProtocolUpstreamTransport): ProxyHeaderConfig {
  checkFields(place, message, transportFields);
  const inner = place.field('transport_socket');
  if (!message.transport_socket) inner.refuse('must be set');
  checkTransportSocket(inner, message.transport_socket);
  const at = place.field('config');
  const config = message.config ?? {};
  checkFields(at, config, headerFields);
  const { version = 'V1' } = config;
  if (version !== 'V1' && version !== 'V2') at.field('version').refuse(`${version} is ${unsupported}`);
  return {
    version: version === 'V2' ? 2 : 1,
    passTlvs: readPassed(at.field('pass_through_tlvs'), config.pass_through_tlvs),
    tlvs: readTlvs(at, 'added_tlvs', config.added_tlvs),
  };
}

/** Of the TLVs that a client's header brings: nothing said, none. */
function readPassed(place: Place, said: ProxyProtocol['pass_through_tlvs']): 'all' | readonly number[] {
  if (!said) return [];
  checkFields(place, said, passFields);
  const types = said.tlv_type ?? [];
  types.forEach((type, index) => {
    checkType(place.item('tlv_type', index), type);
  });
  const { match_type: match = 'INCLUDE_ALL' } = said;
  if (match === 'INCLUDE_ALL') return 'all';
  if (match !== 'INCLUDE') place.field('match_type').refuse(`${match} is ${unsupported}`);
  return types;
}

/** @param name of the list in the message at `place` */
export function readTlvs(place: Place, name: string, entries: TcpProxy['proxy_protocol_tlvs']): ProxyTlvConfig[] {
  return (entries ?? []).map((entry, index) => {
    const at = place.item(name, index);
    checkFields(at, entry, tlvFields);
    const type = checkType(at.field('type'), entry.type);
    const { value = new Uint8Array(), format_string: format } = entry;
    if (value.length > 0 === Boolean(format)) at.refuse('must have either a value or a format_string');
    if (format) return { type, value: { format: readText(at.field('format_string'), format) } };
    if (value.length > maxTlvBytes) at.field('value').refuse(`must not be longer than ${maxTlvBytes} bytes`);
    return { type, value: { bytes: value } };
  });
}

/** What its length can say, in two bytes. */
const maxTlvBytes = 65_535;

function checkType(place: Place, type = 0): number {
  if (type > 255) place.refuse('must be between 0 and 255');
  return type;
}
