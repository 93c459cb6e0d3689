/** How much a tenant may keep. A quota under what is there already refuses only more of it. */
import type { Problem } from '../document.ts';
import type { DocumentSet } from '../document-set.ts';
import { problemAt } from '../problems.ts';
import type { TenantSpec, Typed } from '../specs.ts';
import type { Proposal } from './proposal.ts';

type Quota = keyof TenantSpec['quotas'];

interface Counted {
  /** Whether a document counts towards it. */
  readonly of: (document: Typed) => boolean;
  readonly count: (documents: DocumentSet, tenant: string) => number;
  readonly pointer: string;
}

const quotas: Readonly<Record<Quota, Counted>> = {
  routes: {
    of: ({ kind }) => kind === 'Route' || kind === 'L4Route',
    count: (documents, tenant) =>
      length(documents.ofTenant('Route', tenant)) + length(documents.ofTenant('L4Route', tenant)),
    pointer: '',
  },
  clusters: {
    of: ({ kind }) => kind === 'Cluster',
    count: (documents, tenant) => length(documents.ofTenant('Cluster', tenant)),
    pointer: '',
  },
  endpoints: {
    of: ({ kind }) => kind === 'Cluster',
    count: (documents, tenant) => {
      let endpoints = 0;
      for (const { spec } of documents.ofTenant('Cluster', tenant)) endpoints += spec.endpoints.length;
      return endpoints;
    },
    pointer: '/spec/endpoints',
  },
  secrets: {
    of: ({ kind }) => kind === 'Secret',
    count: (documents, tenant) => length(documents.ofTenant('Secret', tenant)),
    pointer: '',
  },
};

/** One problem a quota, on the last document of the write that counts towards it. */
export function quotaProblems({ before, after, put }: Proposal): Problem[] {
  const byTenant = Map.groupBy(put, ({ document }) => document.tenant);
  return Array.from(byTenant, ([tenant, documents]): Problem[] => {
    const owner = tenant === undefined ? undefined : after.get('Tenant', undefined, tenant);
    if (owner === undefined || tenant === undefined) return [];
    return Object.entries(quotas).flatMap(([name, { of, count, pointer }]) => {
      const last = documents.findLast(of);
      if (last === undefined) return [];
      const most = owner.spec.quotas[name as Quota];
      const wanted = count(after, tenant);
      if (wanted <= most || wanted <= count(before, tenant)) return [];
      const detail = `Tenant ${tenant} would have ${wanted} ${name}; its quota is ${most}.`;
      const remedy = `Remove some, or ask the platform to raise \`quotas.${name}\` of Tenant ${tenant}.`;
      return [problemAt(last.document, pointer, { code: 'quota', detail, remedy })];
    });
  }).flat();
}

function length(documents: Iterable<unknown>): number {
  let found = 0;
  for (const _ of documents) found++;
  return found;
}
