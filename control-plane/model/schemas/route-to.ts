/** Where a Route's requests go: clusters by weight, or the one that a header of the request names. */
import type { z } from 'zod';
import { limits } from '../limits.ts';
import type { Fault } from '../problems.ts';
import type { DestinationSpec } from '../specs.ts';
import type { WrittenReference } from '../units.ts';
import { labels, reference, weightsFault } from './common.ts';
import { about, type Field, type FieldFault, fields, listOf, whole } from './fields.ts';
import { headerName } from './route-match.ts';

export type WrittenDestination = Omit<DestinationSpec, 'cluster'> & { readonly cluster: WrittenReference };

export interface WrittenTarget {
  /** Empty: `clusterHeader` says it. */
  readonly to: readonly WrittenDestination[];
  readonly clusterHeader: string | null;
}

const envoy = 'WeightedCluster.clusters';

function destination(owner: 'tenant' | 'platform') {
  return fields(
    {
      cluster: about(reference().optional(), 'The cluster: a name, or `tenant/name`.', `${envoy}.name`, {
        'x-default': '*required*, but beside `clusterHeader`',
      }),
      weight: about(whole(0, limits.weightSum).optional(), 'Its share of the sum of all weights.', `${envoy}.weight`, {
        'x-default': '`1`',
      }),
      subset: about(
        labels().optional(),
        'Only endpoints with these labels, whose names stand together in `balance.subsets` of the cluster.',
        'RouteAction.metadata_match or WeightedCluster.clusters.metadata_match, under envoy.lb',
        { 'x-default': 'any' },
      ),
      clusterHeader: about(
        headerName.optional(),
        'Platform only, alone: the header that names the cluster, as `name` or `tenant/name`; one that the nodes do not have is a 503. Such a route brings no cluster to them.',
        'RouteAction.cluster_header',
      ),
    },
    { check: (written) => targetFault(owner, written) },
  );
}

type Destination = z.infer<ReturnType<typeof destination>>;

function targetFault(
  owner: 'tenant' | 'platform',
  { cluster, weight, subset, clusterHeader }: Readonly<Record<string, unknown>>,
): FieldFault | undefined {
  if (clusterHeader === undefined) {
    if (cluster !== undefined) return subsetFault(subset);
    const remedy = 'Write the name of a cluster, or `tenant/name`.';
    return { field: 'cluster', code: 'missing-field', detail: '`cluster` is missing.', remedy };
  }
  if (owner === 'tenant') {
    const detail = 'Only a route of the platform lets a header choose among all clusters.';
    return { field: 'clusterHeader', detail, remedy: 'Write `cluster`.' };
  }
  const said = Object.entries({ cluster, weight, subset });
  const field = said.find(([, value]) => value !== undefined)?.[0];
  if (field === undefined) return undefined;
  return { field, detail: `Beside \`clusterHeader\` there is no \`${field}\`.`, remedy: 'Keep one of them.' };
}

function subsetFault(subset: unknown): FieldFault | undefined {
  if (typeof subset !== 'object' || subset === null || Object.keys(subset).length > 0) return undefined;
  return { field: 'subset', detail: 'This names no label.', remedy: 'Name one, `{ version: v2 }`, or take it out.' };
}

export function targetSchema(owner: 'tenant' | 'platform'): Field<WrittenTarget> {
  const list = listOf<Destination>(destination(owner), {
    least: 1,
    most: limits.destinations,
    check: (elements) => listFault(elements),
  });
  return list.transform((destinations): WrittenTarget => {
    const byHeader = destinations.find(({ clusterHeader }) => clusterHeader !== undefined);
    return {
      to: destinations.flatMap(({ cluster, weight, subset }) =>
        cluster === undefined ? [] : [{ cluster, weight: weight ?? 1, subset: subset ?? null }],
      ),
      clusterHeader: byHeader?.clusterHeader ?? null,
    };
  });
}

function listFault(elements: readonly unknown[]): Fault | undefined {
  const written = elements.map((element) => (element ?? {}) as { weight?: unknown; clusterHeader?: unknown });
  if (written.length > 1 && written.some(({ clusterHeader }) => clusterHeader !== undefined)) {
    return { detail: '`clusterHeader` stands alone: it says the whole target.', remedy: 'Keep one of them.' };
  }
  return weightsFault(written.map(({ weight = 1 }) => ({ weight })));
}
