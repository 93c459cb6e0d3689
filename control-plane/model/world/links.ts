/** References resolve, and nothing is removed that others still name. */
import { type DocumentKey, describeKey, keyId, type Problem } from '../document.ts';
import type { DocumentSet } from '../document-set.ts';
import { type Fault, listing, nearest, notSupportedYet, problemAt } from '../problems.ts';
import { namedBy, pointerTo } from '../references.ts';
import type { Typed } from '../specs.ts';
import type { Proposal } from './proposal.ts';

export function danglingReferences(after: DocumentSet, document: Typed): Problem[] {
  return namedBy(document).flatMap((named) => {
    const fault = referenceFault(after, document.document.tenant, named.key);
    return fault === undefined ? [] : [problemAt(document.document, pointerTo(document, named), fault)];
  });
}

/** The platform's documents may name everybody's; a tenant's only its own and what only the platform can own. */
function referenceFault(after: DocumentSet, owner: string | undefined, key: DocumentKey): Fault | undefined {
  const tenantsOwn = key.kind === 'Cluster' || key.kind === 'HealthPolicy' || key.kind === 'Secret';
  if (tenantsOwn && owner !== undefined && key.tenant !== owner) return needsGrant(key, `of tenant ${key.tenant}`);
  if (after.get(key.kind, key.tenant, key.name) !== undefined) return undefined;
  if (tenantsOwn && owner !== undefined && after.get(key.kind, undefined, key.name) !== undefined) {
    return needsGrant({ kind: key.kind, name: key.name }, 'of the platform');
  }
  const names = Array.from(after.ofTenant(key.kind, key.tenant), ({ document }) => document.name);
  const near = nearest(key.name, names);
  return {
    code: 'missing-reference',
    detail: `${describeKey(key)} does not exist.`,
    remedy:
      near === undefined ? 'Create it before, or in the same apply.' : `Did you mean \`${near}\`? Else create it.`,
  };
}

function needsGrant(key: DocumentKey, whose: string): Fault {
  const { code } = notSupportedYet('');
  return {
    ...(code === undefined ? {} : { code }),
    detail: `${describeKey(key)} is ${whose}: naming it needs a Grant, which is not supported yet.`,
    remedy: `Write a ${key.kind} of your own, and name that.`,
  };
}

/** Documents that go while others, which stay as they are, need them. */
export function stillNamed({ before, after, changed }: Proposal): Problem[] {
  return [...changed.values()].flatMap(({ key, document }) => {
    if (document !== null || before.get(key.kind, key.tenant, key.name) === undefined) return [];
    const referrers = Array.from(after.referrers(key), (referrer) => referrer.document);
    const left = referrers.filter((referrer) => !changed.has(keyId(referrer))).map(describeKey);
    if (left.length === 0) return [];
    const what = key.kind === 'Tenant' ? 'still owns' : 'is still named by';
    const detail = `${describeKey(key)} ${what} ${listing(left)}.`;
    const remedy = 'Change or delete these before, or in the same apply.';
    return [problemAt(key, '', { code: 'in-use', detail, remedy })];
  });
}
