/** What state each endpoint of the node is in, since when, and why. */
import type { EndpointState } from '../../proto/endpoint-state.ts';

export interface EndpointSight {
  readonly key: string;
  readonly state: EndpointState;
  /** Empty where the state says it all. */
  readonly reason: string;
}

export interface ClusterSight {
  readonly name: string;
  readonly endpoints: readonly EndpointSight[];
}

/** One object for as long as state and reason stay as they are. */
export interface JournalEntry {
  readonly state: EndpointState;
  /** Of the state; the reason may have changed since. */
  readonly sinceMs: number;
  readonly reason: string;
}

/** By cluster, then by endpoint key. A cluster's map is the same object while nothing in it changes. */
export type Journal = ReadonlyMap<string, ReadonlyMap<string, JournalEntry>>;

/** The journal after another look. What is not seen any more is forgotten. */
export function lookAgain(before: Journal, clusters: Iterable<ClusterSight>, nowMs: number): Journal {
  const after = new Map<string, ReadonlyMap<string, JournalEntry>>();
  for (const { name, endpoints } of clusters) {
    const known = before.get(name);
    const isSame = known !== undefined && known.size === endpoints.length && endpoints.every(isKnown, known);
    const read = (sight: EndpointSight) => [sight.key, entryOf(known?.get(sight.key), sight, nowMs)] as const;
    after.set(name, isSame ? known : new Map(endpoints.map(read)));
  }
  return after;
}

function isKnown(this: ReadonlyMap<string, JournalEntry>, { key, state, reason }: EndpointSight): boolean {
  const entry = this.get(key);
  return entry?.state === state && entry.reason === reason;
}

function entryOf(known: JournalEntry | undefined, { state, reason }: EndpointSight, nowMs: number): JournalEntry {
  if (known?.state !== state) return { state, sinceMs: nowMs, reason };
  return known.reason === reason ? known : { ...known, reason };
}
