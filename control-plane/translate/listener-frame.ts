/** What all listeners over TCP have in common: the socket, its limits, the filters around whatever serves. */
import { packAny } from '../../proto/codec.ts';
import type { Listener } from '../../proto/envoy.ts';
import type { ListenerSpec, Typed } from '../model/specs.ts';
import { limits as fixed } from './limits.ts';
import { uint32 } from './wire.ts';

export type FilterChain = NonNullable<Listener['filter_chains']>[number];
export type FilterChainMatch = NonNullable<FilterChain['filter_chain_match']>;
export type Filter = NonNullable<FilterChain['filters']>[number];

export function tcpSocket({ document, spec }: Typed<'Listener'>): Listener {
  return {
    name: document.name,
    address: { socket_address: { address: spec.address, port_value: spec.port } },
    per_connection_buffer_limit_bytes: uint32(fixed.connectionBufferBytes),
  };
}

/** Nothing is said of a match that everything fits. */
export function filterChain(
  { document, spec }: Typed<'Listener'>,
  match: FilterChainMatch,
  filters: readonly Filter[],
): FilterChain {
  return {
    ...(Object.keys(match).length > 0 && { filter_chain_match: match }),
    filters: [connectionLimit(document.name, spec), ...filters],
  };
}

/** Envoy's own limit of a listener is a runtime key, which no listener can carry. */
function connectionLimit(name: string, { limits }: ListenerSpec): Filter {
  const limit = { stat_prefix: name, max_connections: { value: limits.connections } };
  return {
    name: 'envoy.filters.network.connection_limit',
    typed_config: packAny('envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit', limit),
  };
}
