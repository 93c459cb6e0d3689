/** Judges one incremental response: what of it is taken, and what is wrong with the rest. Nothing is changed here. */
import type { DeltaDiscoveryResponse } from '../../proto/envoy.ts';
import { typeUrls } from '../../proto/type-urls.ts';
import { decoders } from './decode/decoders.ts';
import { type Decoded, Place, type Problem } from './decode/problems.ts';
import type { ResourceOf } from './decode/resources.ts';
import { positiveMillis } from './decode/values.ts';
import type { NodeType } from './types.ts';

export interface ArrivedResource<T extends NodeType> {
  readonly name: string;
  readonly version: string;
  /** What stood in Any.value. */
  readonly bytes: Uint8Array;
  readonly value: ResourceOf[T];
  /** null: it stays until it is removed. */
  readonly ttlMs: number | null;
}

export interface Heartbeat {
  readonly name: string;
  readonly ttlMs: number | null;
}

export interface RejectedResource {
  readonly name: string;
  readonly problems: readonly Problem[];
}

/** `refused`: the response as a whole cannot be taken, and why. */
export type Verdict<T extends NodeType> =
  | { readonly refused: readonly string[] }
  | {
      readonly refused: null;
      readonly accepted: readonly ArrivedResource<T>[];
      readonly heartbeats: readonly Heartbeat[];
      readonly rejected: readonly RejectedResource[];
      readonly removed: readonly string[];
    };

/** What judging asks of the subscription. */
export interface Holder<T extends NodeType> {
  isAskedFor(name: string): boolean;
  /** A heartbeat for this version speaks for what is held. */
  isConfirmedBy(name: string, version: string): boolean;
  get(
    name: string,
  ): { readonly version: string; readonly bytes: Uint8Array; readonly value: ResourceOf[T] } | undefined;
}

type Resource = NonNullable<DeltaDiscoveryResponse['resources']>[number];

export function judge<T extends NodeType>(type: T, response: DeltaDiscoveryResponse, holder: Holder<T>): Verdict<T> {
  const resources = response.resources ?? [];
  const removed = response.removed_resources ?? [];
  const refused = envelopeProblems(type, resources, removed);
  if (refused.length > 0) return { refused };

  const accepted: ArrivedResource<T>[] = [];
  const heartbeats: Heartbeat[] = [];
  const rejected: RejectedResource[] = [];
  for (const resource of resources) {
    const name = resource.name ?? '';
    if (!holder.isAskedFor(name)) continue;
    const place = new Place();
    const ttlMs = resource.ttl ? positiveMillis(place.field('ttl'), resource.ttl, 0) : null;
    if (place.problems.length > 0) {
      rejected.push({ name, problems: place.problems });
      continue;
    }
    const version = resource.version ?? '';
    const bytes = bytesOf(resource);
    const held = holder.get(name);
    if (bytes === null && holder.isConfirmedBy(name, version)) {
      heartbeats.push({ name, ttlMs });
      continue;
    }
    const decoded = bytes === null ? noResource : readResource(type, name, bytes, held);
    if (decoded.ok) accepted.push({ name, version, bytes: bytes ?? emptyBytes, value: decoded.value, ttlMs });
    else rejected.push({ name, problems: decoded.problems });
  }
  return { refused: null, accepted, heartbeats, rejected, removed };
}

const emptyBytes = new Uint8Array();
const noResource: Decoded<never> = { ok: false, problems: [{ path: 'resource', message: 'must be set' }] };

/** A copy, so that what is held does not keep the whole response in memory; null for a heartbeat. */
function bytesOf(resource: Resource): Uint8Array | null {
  if (resource.resource === null || resource.resource === undefined) return null;
  const { value = emptyBytes } = resource.resource as { value?: Uint8Array };
  return new Uint8Array(value);
}

/** Equal bytes give the value that is held, so that what did not change keeps its identity. */
function readResource<T extends NodeType>(
  type: T,
  name: string,
  bytes: Uint8Array,
  held: { readonly bytes: Uint8Array; readonly value: ResourceOf[T] } | undefined,
): Decoded<ResourceOf[T]> {
  if (held !== undefined && Buffer.compare(held.bytes, bytes) === 0) return { ok: true, value: held.value };
  const decoded: Decoded<ResourceOf[T]> = decoders[type](bytes);
  if (!decoded.ok || decoded.value.name === name) return decoded;
  const message = `is ${JSON.stringify(decoded.value.name)}, but the resource is called ${JSON.stringify(name)}`;
  return { ok: false, problems: [{ path: type === 'endpoints' ? 'cluster_name' : 'name', message }] };
}

/** Faults for which a response is refused as a whole, before any consumer sees a part of it. */
function envelopeProblems(type: NodeType, resources: readonly Resource[], removed: readonly string[]): string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const name of [...resources.map((resource) => resource.name ?? ''), ...removed]) {
    if (name === '') problems.push(`${type}: a resource without a name`);
    else if (seen.has(name)) problems.push(`${type} ${JSON.stringify(name)}: occurs twice in one response`);
    seen.add(name);
  }
  for (const { name = '', resource } of resources) {
    if (resource === null || resource === undefined) continue;
    const { type_url: typeUrl = '' } = resource as { type_url?: string };
    if (typeUrl !== typeUrls[type]) {
      problems.push(
        `${type} ${JSON.stringify(name)}: is of type ${typeUrl || 'nothing'} in a response of ${typeUrls[type]}`,
      );
    }
  }
  return problems;
}
