/** Responses onto the wire. Resources are encoded already; only the envelope is written for each stream. */
import { typeUrls, type XdsType } from '../../proto/type-urls.ts';
import { field } from '../snapshot/wire.ts';
import type { Variant } from './ports.ts';
import type { Content } from './type-state.ts';

/** A response in pieces, most of them shared with other streams; put together when the transport takes it. */
export interface Response {
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
}

/** A DiscoveryResponse, or a DeltaDiscoveryResponse: their envelopes have the same field numbers. */
export function responseOf(variant: Variant, type: XdsType, nonce: string, content: Content): Response {
  const resourceField = variant === 'delta' ? 'deltaField' : 'sotwField';
  const parts: Uint8Array[] = [field(1, content.version), typeUrlFields[type], field(5, nonce)];
  for (const resource of content.resources) parts.push(resource[resourceField]);
  for (const name of content.removed) parts.push(field(6, name));
  return { parts, bytes: parts.reduce((sum, part) => sum + part.length, 0) };
}

export function encodeResponse({ parts, bytes }: Response): Buffer {
  return Buffer.concat(parts, bytes);
}

const typeUrlFields: Readonly<Record<XdsType, Buffer>> = {
  clusters: field(4, typeUrls.clusters),
  endpoints: field(4, typeUrls.endpoints),
  listeners: field(4, typeUrls.listeners),
  routes: field(4, typeUrls.routes),
};
