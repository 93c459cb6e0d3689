/** udp listeners to envoy.config.listener.v3.Listener: one proxy for all routes, which a matcher tells apart. */
import { durationOf, packAny } from '../../proto/codec.ts';
import type { Listener, UdpProxyConfig } from '../../proto/envoy.ts';
import { l4Metadata } from '../../proto/l4.ts';
import type { L4RouteSpec, ListenerSpec, Typed } from '../model/specs.ts';
import { accessLogs, udpLogFields } from './access-log.ts';
import { Memo } from './memo.ts';
import { cidrRange, nameOf, structOf } from './wire.ts';

type Matcher = NonNullable<UdpProxyConfig['matcher']>;
type OnMatch = NonNullable<Matcher['on_no_match']>;

const idleTimeoutMs = 60_000;

/** The largest that UDP has over IPv4; an Envoy drops what is above 1,500 bytes unless it is told. */
const anySize = { max_rx_datagram_size: { value: '65507' } };

const listeners = new Memo<Typed<'Listener'>, Listener>();

/** `routes`: not empty, the oldest first, which says how all of them are served. */
export function udpListener(listener: Typed<'Listener'>, routes: readonly Typed<'L4Route'>[]): Listener {
  return listeners.get(listener, routes, () => {
    const { document, spec } = listener;
    const { datapath, hash, idleTimeoutMs: idle, perPacket } = routes[0]!.spec;
    const words = structOf({ datapath, hash, sessions: spec.limits.connections });
    const typed_config = packAny('envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig', {
      stat_prefix: document.name,
      matcher: matcherOf(routes),
      idle_timeout: durationOf(idle ?? idleTimeoutMs),
      hash_policies: [hashPolicy(hash, spec)],
      use_per_packet_load_balancing: perPacket,
      upstream_socket_config: anySize,
      access_log: accessLogs(spec.accessLog, udpLogFields),
    });
    return {
      name: document.name,
      address: { socket_address: { protocol: 'UDP', address: spec.address, port_value: spec.port } },
      udp_listener_config: { downstream_socket_config: anySize },
      listener_filters: [{ name: 'envoy.filters.udp_listener.udp_proxy', typed_config }],
      metadata: { filter_metadata: { [l4Metadata]: words } },
    };
  });
}

/** Envoy hashes the source or what is the same for all. Its next best for five-tuple keeps each flow where it is. */
function hashPolicy(hash: L4RouteSpec['hash'], { port }: ListenerSpec) {
  return hash === 'destination-port' ? { key: `${port}` } : { source_ip: true };
}

/** The longest range that holds the client decides; those of one route are told apart, so that the order says it, too. */
function matcherOf(routes: readonly Typed<'L4Route'>[]): Matcher {
  const ranges = routes
    .flatMap(({ spec }) => spec.sources.map((source) => ({ range: cidrRange(source), spec })))
    .toSorted((a, b) => b.range.prefix_len.value - a.range.prefix_len.value)
    .map(({ range, spec }) => ({ ranges: [range], on_match: leadsTo(spec) }));
  const rest = routes.find(({ spec }) => spec.sources.length === 0);
  return {
    ...(ranges.length > 0 && {
      matcher_tree: {
        input: {
          name: 'envoy.matching.inputs.source_ip',
          typed_config: packAny('envoy.extensions.matching.common_inputs.network.v3.SourceIPInput', {}),
        },
        custom_match: {
          name: 'envoy.matching.custom_matchers.trie_matcher',
          typed_config: packAny('xds.type.matcher.v3.IPMatcher', { range_matchers: ranges }),
        },
      },
    }),
    ...(rest !== undefined && { on_no_match: leadsTo(rest.spec) }),
  };
}

function leadsTo({ to }: L4RouteSpec): OnMatch {
  const cluster = to[0] === undefined ? '' : nameOf(to[0].cluster);
  const typed_config = packAny('envoy.extensions.filters.udp.udp_proxy.v3.Route', { cluster });
  return { action: { name: 'route', typed_config } };
}
