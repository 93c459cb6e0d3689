/** Whether a document fits those that it names: their protocols, who may attach, and what its tenant allows. */
import { type DocumentKey, describeKey, keyId, type Problem } from '../document.ts';
import type { DocumentSet } from '../document-set.ts';
import { type Fault, listing, type Path, pointerInto, problemAt } from '../problems.ts';
import type { Typed } from '../specs.ts';
import type { Proposal } from './proposal.ts';
import { capMisfits, claimMisfits } from './tenancy.ts';

/** A document and one that it names say things that do not go together. */
export interface Misfit {
  /** Where the document says it. */
  readonly path: Path;
  readonly fault: Fault;
  /** What it does not fit, and where that says it. */
  readonly other: DocumentKey;
  readonly otherPath: Path;
}

/** What does not fit in one document, given that the documents it names exist. */
export function misfitsOf(after: DocumentSet, document: Typed): Misfit[] {
  if (document.kind !== 'Route' && document.kind !== 'L4Route') return [];
  const { tenant } = document.document;
  const owner = tenant === undefined ? undefined : after.get('Tenant', undefined, tenant);
  return [
    ...(document.kind === 'Route' ? clusterMisfits(after, document) : []),
    ...listenersOf(document).flatMap(({ name, path }) => listenerMisfits(after, document, name, path)),
    ...(owner === undefined ? [] : capMisfits(owner, document, listenersOf(document))),
    ...(owner === undefined || document.kind !== 'Route' ? [] : claimMisfits(owner, document)),
  ];
}

export interface NamedListener {
  readonly name: string;
  readonly path: Path;
}

function listenersOf(document: Typed<'Route' | 'L4Route'>): NamedListener[] {
  if (document.kind === 'L4Route') return [{ name: document.spec.listener, path: ['listener'] }];
  return (document.spec.listeners ?? []).map((name, index) => ({ name, path: ['listeners', index] }));
}

function clusterMisfits(after: DocumentSet, route: Typed<'Route'>): Misfit[] {
  return route.spec.to.flatMap(({ cluster }, index): Misfit[] => {
    const target = after.get('Cluster', cluster.tenant, cluster.name);
    if (target === undefined || target.spec.protocol === 'http1') return [];
    const fault = {
      code: 'conflict',
      detail: `${describeKey(target.document)} speaks tcp; requests of a Route need \`protocol: http1\`.`,
      remedy: 'Name an http1 cluster, or use an L4Route.',
    };
    return [{ path: ['to', index, 'cluster'], fault, other: target.document, otherPath: ['protocol'] }];
  });
}

function listenerMisfits(after: DocumentSet, route: Typed<'Route' | 'L4Route'>, name: string, path: Path): Misfit[] {
  const listener = after.get('Listener', undefined, name);
  if (listener === undefined) return [];
  const { protocol, tenants } = listener.spec;
  const { tenant } = route.document;
  const wanted = route.kind === 'Route' ? 'http' : 'tcp';
  const misfits: Misfit[] = [];
  if (protocol !== wanted) {
    const detail = `Listener ${name} speaks ${protocol}; ${route.kind} documents attach to ${wanted} listeners.`;
    const remedy = `Name a listener with \`protocol: ${wanted}\`, or write ${wanted === 'http' ? 'an L4Route' : 'a Route'}.`;
    misfits.push({
      path,
      fault: { code: 'conflict', detail, remedy },
      other: listener.document,
      otherPath: ['protocol'],
    });
  }
  if (tenant !== undefined && tenants !== 'any' && !tenants.includes(tenant)) {
    const detail = `Listener ${name} is not open to tenant ${tenant}; it is to ${listing(tenants)}.`;
    const remedy = 'Name another listener, or ask the platform to add the tenant to `tenants`.';
    misfits.push({
      path,
      fault: { code: 'not-allowed', detail, remedy },
      other: listener.document,
      otherPath: ['tenants'],
    });
  }
  return misfits;
}

/** Where a change of `put` breaks documents that name it and stay as they are; told to whoever changes it. */
export function brokenByChange({ before, after, changed }: Proposal, put: Typed): Problem[] {
  const { document } = put;
  const id = keyId(document);
  if (before.get(document.kind, document.tenant, document.name) === undefined) return [];
  const broken = new Map<string, { names: Set<string>; fault: Fault }>();
  for (const referrer of after.referrers(document)) {
    if (changed.has(keyId(referrer.document))) continue;
    const misfits = misfitsOf(after, referrer).filter(({ other }) => keyId(other) === id);
    if (misfits.length === 0) continue;
    const known = new Set(misfitsOf(before, referrer).map(({ otherPath }) => otherPath.join('/')));
    for (const { otherPath, fault } of misfits.filter((misfit) => !known.has(misfit.otherPath.join('/')))) {
      const pointer = pointerInto(document.spec, otherPath);
      const entry = broken.get(pointer) ?? { names: new Set(), fault };
      broken.set(pointer, entry);
      entry.names.add(describeKey(referrer.document));
    }
  }
  return Array.from(broken, ([pointer, { names, fault }]) => {
    const detail = `This no longer fits ${listing([...names])}. ${fault.detail}`;
    const remedy = 'Change these before, or in the same apply.';
    return problemAt(document, pointer, { code: fault.code ?? 'conflict', detail, remedy });
  });
}
