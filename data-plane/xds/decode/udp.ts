/** A listener of datagrams: envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig, and the matcher that routes them. */
import type { Listener, UdpProxyConfig } from '../../../proto/envoy.ts';
import type { UdpChainConfig, UdpRouteConfig } from '../../model/config.ts';
import { limits } from '../limits.ts';
import { readAccessLogs } from './access-log.ts';
import { readRange } from './cidr.ts';
import { checkFields, fieldTable } from './fields.ts';
import { type L4Settings, readL4Metadata } from './l4-metadata.ts';
import { listenerFilterFields } from './listener-filters.ts';
import { anyName, unpackAny } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import { millis, required } from './values.ts';

type Matcher = NonNullable<UdpProxyConfig['matcher']>;
type MatcherTree = NonNullable<Matcher['matcher_tree']>;
type OnMatch = NonNullable<Matcher['on_no_match']>;

const udpProxy = 'envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig';
const proxyFields = fieldTable(udpProxy, {
  carried: [
    ...['stat_prefix', 'cluster', 'matcher', 'idle_timeout', 'hash_policies', 'use_per_packet_load_balancing'],
    'access_log',
  ],
  // tuning of sockets
  ignored: ['upstream_socket_config'],
});
const policyFields = fieldTable(`${udpProxy}.HashPolicy`, { carried: ['source_ip', 'key'] });
const routeName = 'envoy.extensions.filters.udp.udp_proxy.v3.Route';
const routeFields = fieldTable(routeName, { carried: ['cluster'] });

const matcher = 'xds.type.matcher.v3.Matcher';
const matcherFields = fieldTable(matcher, { carried: ['matcher_tree', 'on_no_match'] });
const treeFields = fieldTable(`${matcher}.MatcherTree`, { carried: ['input', 'custom_match'] });
const onMatchFields = fieldTable(`${matcher}.OnMatch`, { carried: ['action'] });
const extensionFields = fieldTable('xds.core.v3.TypedExtensionConfig', {
  carried: ['typed_config'],
  ignored: ['name'],
});
const sourceIp = 'envoy.extensions.matching.common_inputs.network.v3.SourceIPInput';
const ipMatcher = 'xds.type.matcher.v3.IPMatcher';
const ipMatcherFields = fieldTable(ipMatcher, { carried: ['range_matchers'] });
const rangeMatcherFields = fieldTable(`${ipMatcher}.IPRangeMatcher`, {
  carried: ['ranges', 'on_match'],
  // about a range whose matcher comes to nothing, and each here comes to a cluster
  ignored: ['exclusive'],
});

const udpFields = fieldTable('envoy.config.listener.v3.UdpListenerConfig', {
  // tuning of sockets
  ignored: ['downstream_socket_config', 'udp_packet_packet_writer_config'],
});

const defaultIdleTimeoutMs = 60_000;

export interface ReadUdp {
  readonly chain: UdpChainConfig;
  /** Sessions, all in all. */
  readonly maxConnections: number;
}

/** Null after reporting a problem. */
export function readUdpListener(place: Place, message: Listener): ReadUdp | null {
  checkFields(place.field('udp_listener_config'), message.udp_listener_config ?? {}, udpFields);
  for (const field of ['filter_chains', 'default_filter_chain'] as const) {
    const said = message[field];
    if (said && (!Array.isArray(said) || said.length > 0)) place.field(field).refuse('does not belong to UDP');
  }
  const settings = readL4Metadata(place, message.metadata, 'udp-listener');
  const filters = message.listener_filters ?? [];
  const [only] = filters;
  if (only === undefined || filters.length > 1) {
    place.field('listener_filters').refuse('must be one UDP proxy where the address is of UDP');
    return null;
  }
  const at = place.item('listener_filters', 0);
  checkFields(at, only, listenerFilterFields);
  const inside = at.field('typed_config');
  const name = anyName(only.typed_config);
  if (name !== udpProxy) {
    inside.refuse(`listener filter ${name || 'without a type'} is ${unsupported} for UDP`);
    return null;
  }
  const proxy = unpackAny(inside, name, only.typed_config);
  if (proxy === null) return null;
  return { chain: readUdpProxy(inside, proxy, settings), maxConnections: settings.sessions ?? limits.connections };
}

function readUdpProxy(place: Place, message: UdpProxyConfig, { datapath, hash }: L4Settings): UdpChainConfig {
  checkFields(place, message, proxyFields);
  return {
    type: 'udp',
    statPrefix: required(place.field('stat_prefix'), message.stat_prefix),
    routes: readRoutes(place, message),
    idleTimeoutMs: millis(place.field('idle_timeout'), message.idle_timeout, defaultIdleTimeoutMs),
    hash: readHash(place, message, hash),
    perPacket: message.use_per_packet_load_balancing ?? false,
    accessLogs: readAccessLogs(place, message.access_log),
    datapath,
  };
}

/** @param told by the listener's metadata, where Envoy's words are only the next best */
function readHash(place: Place, message: UdpProxyConfig, told: L4Settings['hash']): UdpChainConfig['hash'] {
  const [policy, ...others] = message.hash_policies ?? [];
  if (others.length > 0) place.field('hash_policies').refuse('must not hold more than one policy');
  if (policy !== undefined) {
    const at = place.item('hash_policies', 0);
    checkFields(at, policy, policyFields);
    if (!policy.source_ip && !policy.key) at.refuse('says no key');
  }
  if (told !== null) return { type: told };
  if (policy === undefined) return null;
  return policy.source_ip ? { type: 'source' } : { type: 'key', key: policy.key ?? '' };
}

function readRoutes(place: Place, message: UdpProxyConfig): readonly UdpRouteConfig[] {
  if (!message.matcher) {
    return [{ sources: [], cluster: required(place.field('cluster'), message.cluster) }];
  }
  const at = place.field('matcher');
  checkFields(at, message.matcher, matcherFields);
  const { matcher_tree: tree, on_no_match: others } = message.matcher;
  const last = others ? readOnMatch(at.field('on_no_match'), others) : null;
  return [
    ...(tree ? readTree(at.field('matcher_tree'), tree) : []),
    ...(last === null ? [] : [{ sources: [], ...last }]),
  ];
}

/** Of the ranges that hold an address the longest decides; of the same ones, the first. */
function readTree(place: Place, tree: MatcherTree): readonly UdpRouteConfig[] {
  checkFields(place, tree, treeFields);
  const input = place.field('input');
  checkFields(input, tree.input ?? {}, extensionFields);
  const read = anyName(tree.input?.typed_config);
  if (read !== sourceIp) input.field('typed_config').refuse(`input ${read || 'without a type'} is ${unsupported}`);
  const custom = place.field('custom_match');
  checkFields(custom, tree.custom_match ?? {}, extensionFields);
  const at = custom.field('typed_config');
  const name = anyName(tree.custom_match?.typed_config);
  if (name !== ipMatcher) {
    at.refuse(`matcher ${name || 'without a type'} is ${unsupported}`);
    return [];
  }
  const message = unpackAny(at, ipMatcher, tree.custom_match?.typed_config);
  checkFields(at, message ?? {}, ipMatcherFields);
  const routes = (message?.range_matchers ?? []).flatMap((matcher, index) => {
    const item = at.item('range_matchers', index);
    checkFields(item, matcher, rangeMatcherFields);
    const route = readOnMatch(item.field('on_match'), matcher.on_match ?? {});
    const ranges = matcher.ranges ?? [];
    if (ranges.length === 0) item.field('ranges').refuse('must hold a range');
    return ranges.map((range, each) => ({ sources: [readRange(item.item('ranges', each), range)], ...route }));
  });
  return routes.sort((a, b) => bitsOf(b.sources) - bitsOf(a.sources));
}

function bitsOf([range = '']: readonly string[]): number {
  return Number(range.slice(range.indexOf('/') + 1));
}

function readOnMatch(place: Place, onMatch: OnMatch): Pick<UdpRouteConfig, 'cluster'> {
  checkFields(place, onMatch, onMatchFields);
  const at = place.field('action');
  const { action } = onMatch;
  checkFields(at, action ?? {}, extensionFields);
  const inside = at.field('typed_config');
  const name = anyName(action?.typed_config);
  if (name !== routeName) {
    inside.refuse(`action ${name || 'without a type'} is ${unsupported}`);
    return { cluster: '' };
  }
  const route = unpackAny(inside, name, action?.typed_config);
  checkFields(inside, route ?? {}, routeFields);
  return { cluster: required(inside.field('cluster'), route?.cluster) };
}
