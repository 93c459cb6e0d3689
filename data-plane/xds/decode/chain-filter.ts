/** HttpFilter: one that a chain may hold once, and that a route may switch. */
import type { HttpConnectionManager, MessageTypes } from '../../../proto/envoy.ts';
import { anyName, unpackAny } from './messages.ts';
import type { Place } from './problems.ts';

export type HttpFilter = NonNullable<HttpConnectionManager['http_filters']>[number];

export interface ChainFilter<Name extends keyof MessageTypes> {
  /** Of its settings. */
  readonly at: Place;
  /** Null: they could not be read, which has been said. */
  readonly message: MessageTypes[Name] | null;
  /** For routes that say nothing. */
  readonly isOn: boolean;
}

/** The filter of this type; null: the chain has none. A second one is refused. */
export function readChainFilter<Name extends keyof MessageTypes>(
  place: Place,
  filters: readonly HttpFilter[],
  name: Name,
): ChainFilter<Name> | null {
  let read: ChainFilter<Name> | null = null;
  for (const [index, { typed_config: any, disabled = false }] of filters.entries()) {
    if (anyName(any) !== name) continue;
    const at = place.item('http_filters', index).field('typed_config');
    if (read !== null) at.refuse('is in this chain already');
    read = { at, message: unpackAny(at, name, any), isOn: !disabled };
  }
  return read;
}
