/** envoy.config.listener.v3.Filter: the filters of a chain, of which the last serves its connections. */
import type { Listener } from '../../../proto/envoy.ts';
import type { TcpProxyConfig } from '../../model/config.ts';
import { limits } from '../limits.ts';
import { connectionLimit, readConnectionLimit } from './connection-limit.ts';
import { checkFields, fieldTable } from './fields.ts';
import { readHttpConnectionManager } from './http.ts';
import type { L4Settings } from './l4-metadata.ts';
import { anyName, unpackAny } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import type { HttpChainResource } from './resources.ts';
import { type FilterState, readFilterStates, setFilterState } from './set-filter-state.ts';
import { readTcpProxy } from './tcp.ts';

type FilterChain = NonNullable<Listener['filter_chains']>[number];
type Filter = NonNullable<FilterChain['filters']>[number];
export type Terminal = HttpChainResource | { readonly type: 'tcp'; readonly proxy: TcpProxyConfig };

const filterFields = fieldTable('envoy.config.listener.v3.Filter', { carried: ['typed_config'], ignored: ['name'] });

export interface AroundFilters {
  /** The chain asks clients for certificates. */
  readonly asksForCertificates: boolean;
  /** The listener reads PROXY headers. */
  readonly behindProxies: boolean;
  /** Of the chain's metadata. */
  readonly l4: L4Settings;
}

export interface ReadFilters {
  readonly terminal: Terminal | null;
  /** Open at once. */
  readonly maxConnections: number;
}

/** @param place of the filter chain */
export function readFilters(place: Place, filters: readonly Filter[], around: AroundFilters): ReadFilters {
  if (filters.length === 0) place.field('filters').refuse('must end in an HTTP connection manager or a TCP proxy');
  let terminal: Terminal | null = null;
  const most: number[] = [];
  const states: FilterState[] = [];
  filters.forEach((filter, index) => {
    const at = place.item('filters', index);
    checkFields(at, filter, filterFields);
    const read = readFilter(at.field('typed_config'), filter, states, around);
    if (read === null) return;
    const last = index === filters.length - 1;
    if (read.type === 'limit') most.push(read.connections);
    else if (read.type === 'states') states.push(...read.states);
    else if (last) terminal = read;
    else at.refuse('ends the chain and must be its last filter');
    if (last && terminal === null) at.refuse('must stand before the filter that ends the chain');
  });
  return { terminal, maxConnections: most.length === 0 ? limits.connections : Math.min(...most) };
}

type ReadFilter =
  | Terminal
  | { readonly type: 'limit'; readonly connections: number }
  | { readonly type: 'states'; readonly states: readonly FilterState[] };

/** Null after reporting a problem. */
function readFilter(
  place: Place,
  { typed_config: any }: Filter,
  states: readonly FilterState[],
  around: AroundFilters,
): ReadFilter | null {
  const name = anyName(any);
  switch (name) {
    case connectionLimit: {
      const message = unpackAny(place, name, any);
      return message === null ? null : { type: 'limit', connections: readConnectionLimit(place, message) };
    }
    case setFilterState: {
      const message = unpackAny(place, name, any);
      return message === null ? null : { type: 'states', states: readFilterStates(place, message) };
    }
    case 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager': {
      const message = unpackAny(place, name, any);
      for (const state of states) state.place.refuse(`in front of HTTP is ${unsupported}`);
      return message === null ? null : readHttpConnectionManager(place, message, around.asksForCertificates);
    }
    case 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy': {
      const message = unpackAny(place, name, any);
      return message === null ? null : { type: 'tcp', proxy: readTcpProxy(place, message, { ...around, states }) };
    }
    default:
      place.refuse(`filter ${name || 'without a type'} is ${unsupported}`);
      return null;
  }
}
