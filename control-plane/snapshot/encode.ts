/** One resource, encoded once, in the forms in which both variants of the protocol carry it. */
import { contentHash } from '../../proto/codec.ts';
import { typeUrls, type XdsType } from '../../proto/type-urls.ts';
import type { EncodedResource } from './snapshot.ts';
import { field, fieldHead } from './wire.ts';

/** `value`: the message's bytes; they are copied. */
export function encodeResource(type: XdsType, name: string, value: Uint8Array, ttlMs: number): EncodedResource {
  const hash = contentHash(value);
  const version = ttlMs === 0 ? hash : contentHash(Buffer.from(`${hash} ${ttlMs}`));
  return { name, version, ttlMs, ...frameResource(type, name, version, value) };
}

/** Of a Resource. */
export function nameFields(name: string, alias: string | undefined): Buffer {
  return alias === undefined ? field(3, name) : Buffer.concat([field(3, name), field(4, alias)]);
}

export type Frame = Pick<EncodedResource, 'value' | 'sotwField' | 'deltaField'>;

/** The same resource for whoever asked for it by another name, which the response tells as well (case A16). */
export function aliased(type: XdsType, resource: EncodedResource, alias: string): EncodedResource {
  const { name, version, value } = resource;
  return { ...resource, ...frameResource(type, name, version, value, alias), name: alias, aliasOf: name };
}

/**
 * The Any is field 2 of a DiscoveryResponse, and field 2 of the Resource that a DeltaDiscoveryResponse carries. So one
 * buffer holds all three forms, one inside the other: Resource{version = 1, resource = 2: Any{type_url = 1, value = 2},
 * name = 3, aliases = 4}.
 */
export function frameResource(type: XdsType, name: string, version: string, value: Uint8Array, alias?: string): Frame {
  const anyHead = Buffer.concat([field(1, typeUrls[type]), fieldHead(2, value.length)]);
  const sotwHead = fieldHead(2, anyHead.length + value.length);
  const versionField = field(1, version);
  const nameField = nameFields(name, alias);
  const sotwLength = sotwHead.length + anyHead.length + value.length;
  const deltaHead = fieldHead(2, versionField.length + sotwLength + nameField.length);

  const deltaField = Buffer.concat([deltaHead, versionField, sotwHead, anyHead, value, nameField]);
  const sotwStart = deltaHead.length + versionField.length;
  const sotwField = deltaField.subarray(sotwStart, sotwStart + sotwLength);
  return { value: sotwField.subarray(sotwLength - value.length), sotwField, deltaField };
}
