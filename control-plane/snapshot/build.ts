/** Snapshots from encoded messages. What did not change keeps its identity from one snapshot to the next. */
import { contentHash } from '../../proto/codec.ts';
import { ofEachType, pushOrder, type XdsType } from '../../proto/type-urls.ts';
import { encodeResource } from './encode.ts';
import { withHosts, withVhds } from './route-forms.ts';
import { type EncodedResource, type Snapshot, type TypeSnapshot, type Types, wholeOf } from './snapshot.ts';

/** A resource as translation yields it: `value` is the message's bytes. */
export interface NamedResource {
  readonly name: string;
  readonly value: Uint8Array;
  /** Only for clients that name it. */
  readonly byName?: boolean;
  /** A RouteConfiguration: its virtual hosts, in order, which are resources and do not stand in `value`. */
  readonly hosts?: readonly string[];
}

export type ResourcesOfType = ReadonlyMap<string, Uint8Array> | Iterable<NamedResource>;
export type Resources = { readonly [T in XdsType]?: ResourcesOfType };

/**
 * Resources and types that equal those of `previous` are the very same objects (===) in the result; everything else is
 * encoded here, once. Throws for two resources of one type with one name, and for a virtual host that is not there.
 * `resourceTtlMs`: 0 for none.
 */
export function buildSnapshot(
  group: string,
  revision: number,
  resources: Resources,
  previous?: Snapshot,
  resourceTtlMs = 0,
): Snapshot {
  const lists = ofEachType((type) => inNameOrder(resources[type] ?? []));
  const hostsOf = new Map(lists.routes.flatMap(({ name, hosts }) => (hosts === undefined ? [] : [[name, hosts]])));
  const inputs = { ...lists, routes: lists.routes.map((one) => (one.hosts === undefined ? one : withVhds(one))) };
  const before = previous?.hostsApart;
  const hostsApart = ofEachType((type) => buildType(type, inputs[type], before?.[type], resourceTtlMs));
  const routes = inlineRoutes(hostsApart, hostsOf, previous?.types.routes);
  return { group, revision, types: { ...hostsApart, routes }, hostsApart, hostsOf };
}

/** True if a client sees no difference between the two. */
export function sameContent(a: Snapshot, b: Snapshot): boolean {
  return pushOrder.every(
    (type) =>
      a.hostsApart[type].version === b.hostsApart[type].version &&
      wholeOf(a.hostsApart[type]).version === wholeOf(b.hostsApart[type]).version,
  );
}

function buildType(
  type: XdsType,
  input: readonly NamedResource[],
  previous: TypeSnapshot | undefined,
  ttlMs: number,
): TypeSnapshot {
  const whole = new Map<string, EncodedResource>();
  const open = new Map<string, EncodedResource>();
  const known = previous && wholeOf(previous).resources;
  for (const { name, value, byName = false } of input) {
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

/** Routes for clients that do not take virtual hosts as resources. */
function inlineRoutes(
  { routes, virtualHosts }: Types,
  hostsOf: Snapshot['hostsOf'],
  previous: TypeSnapshot | undefined,
): TypeSnapshot {
  if (hostsOf.size === 0) return routes;
  const resources = new Map<string, EncodedResource>();
  for (const [name, resource] of routes.resources) {
    const hosts = hostsOf.get(name);
    const form = hosts && withHosts(resource, hosts, virtualHosts.resources, previous?.resources.get(name));
    resources.set(name, form ?? resource);
  }
  return snapshotOf(resources, previous, routes.ttlMs);
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

function inNameOrder(input: ResourcesOfType): readonly NamedResource[] {
  const list = isMap(input) ? Array.from(input, ([name, value]) => ({ name, value })) : [...input];
  const isSorted = list.every(({ name }, index) => index === 0 || list[index - 1]!.name <= name);
  return isSorted ? list : list.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
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

/** What is left of a group that is no more; the same for all. */
export const emptySnapshot = buildSnapshot('', 0, {});
