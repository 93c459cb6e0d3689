/**
 * Which chain of a listener a connection gets, by Envoy's rules: server name, transport, protocols, who has connected,
 * who the client is, in this order. Each step takes the best that it has, and none is gone back on, though a later one
 * may find nothing: then no chain matches.
 */
import type { Arrival } from '../model/arrival.ts';
import type { ChainMatchConfig } from '../model/config.ts';
import { PrefixTable } from './prefix-table.ts';

type BySource<T> = Fallback<PrefixTable<T>, T>;
type ByDirectSource<T> = Fallback<PrefixTable<BySource<T>>, BySource<T>>;
type ByProtocol<T> = ReadonlyMap<string, ByDirectSource<T>>;
type ByTransport<T> = ReadonlyMap<string, ByProtocol<T>>;

/** What there is by ranges of addresses, and what is for all others. */
interface Fallback<Table, Value> {
  readonly table: Table;
  readonly any: Value | undefined;
}

export interface MatchedChain<T> {
  readonly match: ChainMatchConfig;
  readonly chain: T;
}

/** Stands for what a match says nothing of. */
const any = '';

export class ChainMatcher<T> {
  /** By name, `.suffix` for `*.suffix`. */
  readonly #byName: ReadonlyMap<string, ByTransport<T>>;
  readonly #otherwise: T | null;
  /** Serves every connection, whatever it is; null: that depends, or nobody does. */
  readonly forAll: T | null;

  /** @param chains of two with the same match the first one holds */
  constructor(chains: readonly MatchedChain<T>[], otherwise: T | null) {
    this.#byName = byEach(
      chains,
      ({ match }) => match.serverNames.map((name) => (name.startsWith('*.') ? name.slice(1) : name)),
      (named) =>
        byEach(
          named,
          ({ match }) => (match.transport === null ? [] : [match.transport]),
          (carried) => byEach(carried, ({ match }) => match.alpn, byDirectSource),
        ),
    );
    this.#otherwise = otherwise;
    this.forAll = chains.length === 0 ? otherwise : null;
  }

  /** Null: none, and the connection is to be closed. */
  choose(arrival: Arrival, transport: 'tls' | 'raw_buffer'): T | null {
    const byTransport = this.#named(arrival.serverName);
    const byProtocol = byTransport?.get(transport) ?? byTransport?.get(any);
    const byDirect = byProtocol && protocolOf(byProtocol, arrival.alpn);
    const bySource = byDirect && rangeOf(byDirect, arrival.directAddress);
    const chain = bySource && rangeOf(bySource, arrival.remoteAddress);
    return chain ?? this.#otherwise;
  }

  #named(name: string): ByTransport<T> | undefined {
    const byName = this.#byName;
    if (name !== '') {
      const exact = byName.get(name);
      if (exact !== undefined) return exact;
      for (let dot = name.indexOf('.', 1); dot >= 0; dot = name.indexOf('.', dot + 1)) {
        const found = byName.get(name.slice(dot));
        if (found !== undefined) return found;
      }
    }
    return byName.get(any);
  }
}

/** The first of the client's protocols for which there is something. */
function protocolOf<T>(byProtocol: ByProtocol<T>, alpn: readonly string[]): ByDirectSource<T> | undefined {
  for (const protocol of alpn) {
    const found = byProtocol.get(protocol);
    if (found !== undefined) return found;
  }
  return byProtocol.get(any);
}

function rangeOf<Value>({ table, any }: Fallback<PrefixTable<Value>, Value>, address: string): Value | undefined {
  return table.find(address) ?? any;
}

function byDirectSource<T>(chains: readonly MatchedChain<T>[]): ByDirectSource<T> {
  return ranged(byEach(chains, ({ match }) => match.directSources, bySource));
}

function bySource<T>(chains: readonly MatchedChain<T>[]): BySource<T> {
  return ranged(
    byEach(
      chains,
      ({ match }) => match.sources,
      (same) => same[0]!.chain,
    ),
  );
}

function ranged<Value>(byRange: ReadonlyMap<string, Value>): Fallback<PrefixTable<Value>, Value> {
  return { table: new PrefixTable([...byRange].filter(([range]) => range !== any)), any: byRange.get(any) };
}

/** What `make` makes of the chains that have a key in common; those without one have {@link any}. */
function byEach<T, Value>(
  chains: readonly MatchedChain<T>[],
  keysOf: (chain: MatchedChain<T>) => readonly string[],
  make: (chains: readonly MatchedChain<T>[]) => Value,
): ReadonlyMap<string, Value> {
  const byKey = new Map<string, MatchedChain<T>[]>();
  for (const chain of chains) {
    const keys = keysOf(chain);
    for (const key of new Set(keys.length === 0 ? [any] : keys)) {
      const same = byKey.get(key);
      if (same === undefined) byKey.set(key, [chain]);
      else same.push(chain);
    }
  }
  return new Map(Array.from(byKey, ([key, same]) => [key, make(same)]));
}
