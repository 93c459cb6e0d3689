/** Encoded resources as people read them. */
import { toJson } from '../../proto/codec.ts';
import { typeUrls, type XdsType } from '../../proto/type-urls.ts';

/** Proto3 JSON of one resource's bytes, `@type` included. Throws if they are not such a message. */
export function resourceJson(type: XdsType, value: Uint8Array): Record<string, unknown> {
  return toJson({ type_url: typeUrls[type], value });
}
