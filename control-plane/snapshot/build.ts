/** Snapshots from encoded messages. What did not change keeps its identity from one snapshot to the next. */
import { contentHash } from '../../proto/codec.ts';
import { pushOrder, type XdsType } from '../../proto/type-urls.ts';
import { encodeResource } from './encode.ts';
import { type EncodedResource, type Snapshot, type TypeSnapshot, wholeOf } from './snapshot.ts';

/** A resource as translation yields it: `value` is the message's bytes. */
export interface NamedResource {
  readonly name: string;
  readonly value: Uint8Array;
  /** Only for clients that name it. */
  readonly byName?: boolean;
}

export type ResourcesOfType = ReadonlyMap<string, Uint8Array> | Iterable<NamedResource>;

/**
 * Resources and types that equal those of `previous` are the very same objects (===) in the result; everything else is
 * encoded here, once. Throws for two resources of one type with one name. `resourceTtlMs`: 0 for none.
 */
export function buildSnapshot(
  group: string,
  revision: number,
  resources: Readonly<Record<XdsType, ResourcesOfType>>,
  previous?: Snapshot,
  resourceTtlMs = 0,
): Snapshot {
  const typed = (type: XdsType): TypeSnapshot => buildType(type, resources[type], previous?.types[type], resourceTtlMs);
  return {
    group,
    revision,
    types: {
      clusters: typed('clusters'),
      endpoints: typed('endpoints'),
      listeners: typed('listeners'),
      routes: typed('routes'),
    },
  };
}

/** True if a client sees no difference between the two. */
export function sameContent(a: Snapshot, b: Snapshot): boolean {
  return pushOrder.every(
    (type) =>
      a.types[type].version === b.types[type].version &&
      wholeOf(a.types[type]).version === wholeOf(b.types[type]).version,
  );
}

function buildType(
  type: XdsType,
  input: ResourcesOfType,
  previous: TypeSnapshot | undefined,
  ttlMs: number,
): TypeSnapshot {
  const whole = new Map<string, EncodedResource>();
  const open = new Map<string, EncodedResource>();
  const known = previous && wholeOf(previous).resources;
  for (const { name, value, byName = false } of inNameOrder(input)) {
    if (whole.has(name)) throw new Error(`two ${type} are called ${JSON.stringify(name)}: names must be unique`);
    const before = known?.get(name);
    const unchanged = before?.ttlMs === ttlMs && Buffer.compare(before.value, value) === 0;
    const resource = unchanged ? before : encodeResource(type, name, value, ttlMs);
    whole.set(name, resource);
    if (!byName) open.set(name, resource);
  }
  const byName = whole.size === open.size ? undefined : snapshotOf(whole, previous?.byName, ttlMs);
  if (previous !== undefined && previous.byName === byName && sameResources(previous.resources, open)) return previous;
  return { ...snapshotOf(open, undefined, ttlMs), byName };
}

function snapshotOf(
  resources: ReadonlyMap<string, EncodedResource>,
  previous: TypeSnapshot | undefined,
  ttlMs: number,
): TypeSnapshot {
  return previous !== undefined && sameResources(previous.resources, resources)
    ? previous
    : { version: versionOf(resources), ttlMs, resources };
}

function inNameOrder(input: ResourcesOfType): NamedResource[] {
  const list = isMap(input) ? Array.from(input, ([name, value]) => ({ name, value })) : [...input];
  return list.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function isMap(input: ResourcesOfType): input is ReadonlyMap<string, Uint8Array> {
  return input instanceof Map;
}

function sameResources(a: ReadonlyMap<string, EncodedResource>, b: ReadonlyMap<string, EncodedResource>): boolean {
  if (a.size !== b.size) return false;
  for (const [name, resource] of b) if (a.get(name) !== resource) return false;
  return true;
}

function versionOf(resources: ReadonlyMap<string, EncodedResource>): string {
  const lines: string[] = [];
  for (const { name, version } of resources.values()) lines.push(name, version);
  return contentHash(Buffer.from(JSON.stringify(lines)));
}

const noResources: readonly NamedResource[] = [];

/** What is left of a group that is no more; the same for all. */
export const emptySnapshot = buildSnapshot('', 0, {
  clusters: noResources,
  endpoints: noResources,
  listeners: noResources,
  routes: noResources,
});
