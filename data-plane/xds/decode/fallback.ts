/** What stands in a route's metadata under `fairlead.fallback`: of no message of Envoy's, so it is read by hand. */
import { fallbackMetadata } from '../../../proto/names.ts';
import type { FallbackConfig } from '../../model/config.ts';
import { type StructMessage, structToJson } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import { required } from './values.ts';

const conditions: readonly unknown[] = ['5xx', 'no-healthy'] satisfies FallbackConfig['on'];

/** @param metadata envoy.config.core.v3.Metadata, whose other keys are other readers' */
export function readFallback(
  place: Place,
  metadata: { readonly filter_metadata?: object } | null | undefined,
): FallbackConfig | null {
  const said = (metadata?.filter_metadata as Readonly<Record<string, StructMessage>> | undefined)?.[fallbackMetadata];
  if (said === undefined) return null;
  const at = place.field('metadata').entry('filter_metadata', fallbackMetadata);
  const { cluster, on, ...others } = structToJson(said);
  for (const name of Object.keys(others)) at.field(name).refuse(unsupported);
  return {
    cluster: required(at.field('cluster'), typeof cluster === 'string' ? cluster : ''),
    on: readConditions(at.field('on'), on),
  };
}

function readConditions(place: Place, on: unknown): FallbackConfig['on'] {
  if (Array.isArray(on) && on.length > 0 && on.every((one) => conditions.includes(one))) return on;
  place.refuse('must be a list of 5xx and no-healthy, not empty');
  return [];
}
