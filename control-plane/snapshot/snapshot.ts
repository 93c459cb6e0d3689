/** What one node group is served at one revision: immutable, sorted, every resource encoded once. */
import type { XdsType } from '../../proto/type-urls.ts';

export interface EncodedResource {
  readonly name: string;
  /** Hash of `value`, and of the time to live where there is one: another time has to reach the clients as well. */
  readonly version: string;
  /** How long a client keeps it without hearing of it; 0: for ever. */
  readonly ttlMs: number;
  /** The message's bytes (what stands in Any.value). */
  readonly value: Uint8Array;
  /** Without its time to live: `resources` entry of a DiscoveryResponse (field 2, tag and length included): shared by every stream. */
  readonly sotwField: Uint8Array;
  /** Without its time to live: `resources` entry of a DeltaDiscoveryResponse (field 2, tag and length included): shared by every stream. */
  readonly deltaField: Uint8Array;
  /** The name by which clients know it, where it was asked for by another one, which `name` is then. */
  readonly aliasOf?: string;
  /** A RouteConfiguration with its virtual hosts inside: these, each a resource as well. */
  readonly parts?: readonly EncodedResource[];
}

export interface TypeSnapshot {
  /** Hash over the names and versions of the resources. */
  readonly version: string;
  /** Time to live of each of its resources; 0: none. */
  readonly ttlMs: number;
  /** In name order. */
  readonly resources: ReadonlyMap<string, EncodedResource>;
  /** All of these and those which only clients that name what they want are served; undefined if there are no such. */
  readonly byName?: TypeSnapshot | undefined;
}

/** Everything of a type, whoever is served it. */
export function wholeOf(type: TypeSnapshot): TypeSnapshot {
  return type.byName ?? type;
}

export type Types = Readonly<Record<XdsType, TypeSnapshot>>;

/** What one client is served. */
export interface View {
  readonly types: Types;
}

export interface Snapshot extends View {
  readonly group: string;
  readonly revision: number;
  /** Every RouteConfiguration with its virtual hosts inside. */
  readonly types: Types;
  /** For clients that take each virtual host as a resource of its own: RouteConfigurations without theirs. */
  readonly hostsApart: Types;
  /** By the name of a RouteConfiguration whose virtual hosts are resources: their names, in order. */
  readonly hostsOf: ReadonlyMap<string, readonly string[]>;
}

/** Whether some client that is told everything there is has this version of the type: forms and views have their own. */
export function serves({ types, hostsApart }: Snapshot, type: XdsType, version: string): boolean {
  return [types[type], hostsApart[type]].some((one) => one.version === version || wholeOf(one).version === version);
}

/** Where the streams read: the newest snapshot of a group. Kept by `publish`. */
export interface SnapshotSource {
  /** Undefined for a group that does not exist (yet). */
  get(group: string): Snapshot | undefined;
  /** Called after a group's snapshot was replaced. Returns the unsubscribe function. */
  watch(group: string, onChange: () => void): () => void;
}
