/** The few shapes that Envoy's messages repeat everywhere. */
import { resourceName } from '../../proto/names.ts';
import type { Reference } from '../model/specs.ts';

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
