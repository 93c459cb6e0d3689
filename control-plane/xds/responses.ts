/** Responses onto the wire. Resources are encoded already; only the envelope is written for each stream. */
import { ofEachType, typeUrls, type XdsType } from '../../proto/type-urls.ts';
import { expiring, heartbeat } from '../snapshot/encode-ttl.ts';
import type { EncodedResource } from '../snapshot/snapshot.ts';
import { field } from '../snapshot/wire.ts';
import { limits } from './limits.ts';
import type { Variant } from './ports.ts';
import type { Content } from './type-state.ts';

/** A response in pieces, most of them shared with other streams; put together when it is sent. */
export interface Response {
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
}

/** How a response carries its resources: as they are, with their times to live, or nothing but these. */
export type Form = 'plain' | 'expiring' | 'heartbeat';

/** A DiscoveryResponse, or a DeltaDiscoveryResponse: their envelopes have the same field numbers. */
export function responseOf(variant: Variant, type: XdsType, nonce: string, content: Content, form: Form): Response {
  const parts: Uint8Array[] = [field(1, content.version), typeUrlFields[type], field(5, nonce)];
  for (const resource of content.resources) parts.push(...partsOf(variant, resource, form));
  for (const name of content.removed) parts.push(field(6, name));
  return { parts, bytes: parts.reduce((sum, part) => sum + part.length, 0) };
}

function partsOf(variant: Variant, resource: EncodedResource, form: Form): readonly Uint8Array[] {
  if (form === 'heartbeat') return heartbeat(resource)[variant];
  if (form === 'expiring' && resource.ttlMs > 0) return expiring(resource)[variant];
  return [variant === 'delta' ? resource.deltaField : resource.sotwField];
}

/**
 * The bytes of a response. Streams that stand alike (a fleet that joins, a change for all of them) are sent the very same
 * bytes, nonce included; big ones are put together once and shared, for as long as anybody still holds them.
 */
export function encodeResponse(response: Response): Buffer {
  if (response.bytes < limits.inFlight.bigBytes) return Buffer.concat(response.parts, response.bytes);
  for (const { parts, encoded } of recent) {
    const bytes = encoded.deref();
    if (bytes !== undefined && sameParts(parts, response.parts)) return bytes;
  }
  const bytes = Buffer.concat(response.parts, response.bytes);
  recent.unshift({ parts: response.parts, encoded: new WeakRef(bytes) });
  recent.length = Math.min(recent.length, limits.sharedResponses);
  return bytes;
}

const recent: { readonly parts: readonly Uint8Array[]; readonly encoded: WeakRef<Buffer> }[] = [];

/** Resources are shared, so the same ones are the same objects; what is not shared is short. */
function sameParts(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index] || sameShort(part, b[index]));
}

function sameShort(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && a.length === b.length && a.length < shortBytes && Buffer.compare(a, b) === 0;
}

/** Longer than any version or nonce; a longer part that is not the same object is taken for another. */
const shortBytes = 128;

const typeUrlFields = ofEachType((type) => field(4, typeUrls[type]));
