/** Where a Route's requests go when its cluster fails them. */
import type { FallbackCondition, RouteSpec } from '../specs.ts';
import type { WrittenReference } from '../units.ts';
import { reference } from './common.ts';
import { about, type Field, type FieldFault, fields, itself, listOf, word } from './fields.ts';

export type WrittenFallback = Omit<NonNullable<RouteSpec['fallback']>, 'cluster'> & {
  readonly cluster: WrittenReference;
};

const conditions: readonly FallbackCondition[] = ['5xx', 'no-healthy'];

const ours = "nothing of Envoy's: route metadata under `fairlead.fallback`";

export const fallbackSchema: Field<WrittenFallback> = fields({
  cluster: about(
    reference(),
    'The cluster: a name, or `tenant/name`. It speaks the same version of HTTP as the clusters of `to`.',
    ours,
  ),
  on: about(
    listOf<FallbackCondition>(word<FallbackCondition>(conditions), {
      least: 1,
      unique: { what: 'The condition', key: itself },
    }).prefault(() => [...conditions]),
    '`5xx`: an answer of 500 to 599, or none at all, once the retries are used up; `no-healthy`: there is no endpoint to send to.',
    ours,
    { 'x-default': '`[5xx, no-healthy]`' },
  ),
});

interface Naming {
  readonly cluster?: Partial<WrittenReference>;
}

/** It stands beside `to`, and is another cluster. */
export function fallbackFault({ to, fallback }: Readonly<Record<string, unknown>>): FieldFault | undefined {
  if (fallback === undefined) return undefined;
  if (to === undefined) {
    const detail = 'Nothing is sent on here, so there is nothing to fall back from.';
    return { field: 'fallback', detail, remedy: 'Take `fallback` out.' };
  }
  const list = (to as { to?: unknown } | null)?.to;
  const [only] = Array.isArray(list) && list.length === 1 ? (list as (Naming | null)[]) : [];
  const cluster = (fallback as Naming | null)?.cluster;
  if (typeof cluster?.name !== 'string' || only?.cluster?.name !== cluster.name) return undefined;
  if (only.cluster.tenant !== cluster.tenant) return undefined;
  const detail = `All requests go to ${cluster.name} in the first place.`;
  return { field: 'fallback', detail, remedy: 'Name another cluster.' };
}
