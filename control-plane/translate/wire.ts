/** The few shapes that Envoy's messages repeat everywhere. */
import { resourceName } from '../../proto/names.ts';
import type { JsonObject, Reference } from '../model/specs.ts';

export interface WeightedCluster {
  readonly name: string;
  readonly weight: { readonly value: number };
}

/** "Ask over the ADS stream that you have." */
export const fromAds = { ads: {}, resource_api_version: 'V3' } as const;

/** google.protobuf.UInt32Value. */
export function uint32(value: number): { value: number } {
  return { value };
}

export function nameOf(reference: Reference): string {
  return resourceName(reference.tenant, reference.name);
}

/** envoy.config.core.v3.CidrRange, and xds.core.v3.CidrRange, of a canonical `address/bits`. */
export function cidrRange(cidr: string): { address_prefix: string; prefix_len: { value: number } } {
  const slash = cidr.indexOf('/');
  return { address_prefix: cidr.slice(0, slash), prefix_len: uint32(Number(cidr.slice(slash + 1))) };
}

/** google.protobuf.Struct. */
export function structOf(json: JsonObject): { fields: Record<string, object> } {
  return { fields: Object.fromEntries(Object.entries(json).map(([name, value]) => [name, jsonValue(value)])) };
}

function jsonValue(json: unknown): object {
  if (typeof json === 'string') return { stringValue: json };
  if (typeof json === 'number') return { numberValue: json };
  if (typeof json === 'boolean') return { boolValue: json };
  if (Array.isArray(json)) return { listValue: { values: json.map(jsonValue) } };
  return json === null ? { nullValue: 0 } : { structValue: structOf(json as JsonObject) };
}
