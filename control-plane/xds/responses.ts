/** Responses onto the wire. Resources are encoded already; only the envelope is written for each stream. */
import { ofEachType, typeUrls, type XdsType } from '../../proto/type-urls.ts';
import { expiring, heartbeat } from '../snapshot/encode-ttl.ts';
import type { EncodedResource } from '../snapshot/snapshot.ts';
import { field } from '../snapshot/wire.ts';
import type { Variant } from './ports.ts';
import type { Content } from './type-state.ts';

/** A response in pieces, most of them shared with other streams; put together when the transport takes it. */
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

export function encodeResponse({ parts, bytes }: Response): Buffer {
  return Buffer.concat(parts, bytes);
}

const typeUrlFields = ofEachType((type) => field(4, typeUrls[type]));
