/** Whether a document fits those that it names: their protocols, who may attach, and what its tenant allows. */
import { type DocumentKey, describeKey, keyId, type Problem } from '../document.ts';
import type { DocumentSet } from '../document-set.ts';
import { type Fault, listing, notSupportedYet, type Path, pointerInto, problemAt } from '../problems.ts';
import type { SpecOf, Typed } from '../specs.ts';
import { type Carrier, carrierOf } from './carriers.ts';
import { fallbackMisfits } from './fallback.ts';
import { routeFaults, speaksHttp2, clusterFault as unfitForGrpc } from './grpc-clients.ts';
import { healthMisfits } from './health-misfits.ts';
import { l4Misfits } from './l4-misfits.ts';
import { nodeMisfits } from './node-misfits.ts';
import type { Proposal } from './proposal.ts';
import { secretMisfits } from './secret-misfits.ts';
import { subsetMisfits } from './subset-misfits.ts';
import { capMisfits, claimMisfits, serverNameMisfits } from './tenancy.ts';

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
  if (document.kind === 'Listener') return secretMisfits(after, document);
  if (document.kind === 'Cluster') return [...healthMisfits(after, document), ...nodeMisfits(after, document)];
  if (document.kind !== 'Route' && document.kind !== 'L4Route') return [];
  const { tenant } = document.document;
  const owner = tenant === undefined ? undefined : after.get('Tenant', undefined, tenant);
  return [
    ...(document.kind === 'Route' ? routeMisfits(after, document) : l4Misfits(after, document)),
    ...listenersOf(document).flatMap(({ name, path }) => listenerMisfits(after, document, name, path)),
    ...(owner === undefined ? [] : capMisfits(owner, document, listenersOf(document))),
    ...(owner === undefined ? [] : claimsOf(after, owner, document)),
  ];
}

function claimsOf(after: DocumentSet, owner: Typed<'Tenant'>, route: Typed<'Route' | 'L4Route'>): Misfit[] {
  if (route.kind === 'Route') return claimMisfits(owner, route);
  const listener = after.get('Listener', undefined, route.spec.listener);
  return listener?.spec.protocol === 'tls-passthrough' ? serverNameMisfits(owner, route) : [];
}

function routeMisfits(after: DocumentSet, route: Typed<'Route'>): Misfit[] {
  return [...clusterMisfits(after, route), ...fallbackMisfits(after, route), ...subsetMisfits(after, route)];
}

export interface NamedListener {
  readonly name: string;
  readonly path: Path;
}

function listenersOf(document: Typed<'Route' | 'L4Route'>): NamedListener[] {
  if (document.kind === 'L4Route') return [{ name: document.spec.listener, path: ['listener'] }];
  return (document.spec.listeners ?? []).map((name, index) => ({ name, path: ['listeners', index] }));
}

/** Clusters that do not suit the listeners of a Route; and what gRPC's own clients would not carry out, if it is for them. */
function clusterMisfits(after: DocumentSet, route: Typed<'Route'>): Misfit[] {
  const wanted = wantedCarriers(after, route);
  const misfits = route.spec.to.flatMap(({ cluster }, index): Misfit[] => {
    const target = after.get('Cluster', cluster.tenant, cluster.name);
    if (target === undefined) return [];
    const at = { path: ['to', index, 'cluster'], other: target.document };
    const fault = clusterFault(target, wanted);
    if (fault !== undefined) return [{ ...at, fault, otherPath: ['protocol'] }];
    const forGrpc = wanted.has('api') ? unfitForGrpc(target) : undefined;
    return forGrpc === undefined ? [] : [{ ...at, fault: forGrpc.fault, otherPath: [forGrpc.field] }];
  });
  const [target] = route.spec.to.flatMap(({ cluster }) => after.get('Cluster', cluster.tenant, cluster.name) ?? []);
  if (target === undefined || !wanted.has('api') || misfits.length > 0) return misfits;
  const other = { other: target.document, otherPath: ['protocol'] };
  return routeFaults(route).map((fault) => ({ ...fault, ...other }));
}

/** The kinds of listener that a route has to fit: those that it names; else those with a socket, if there are any. */
function wantedCarriers(after: DocumentSet, { spec }: Typed<'Route'>): ReadonlySet<Carrier> {
  const carriers = (protocols: Iterable<SpecOf['Listener']['protocol'] | undefined>): Set<Carrier> =>
    new Set([...protocols].flatMap((protocol) => carrierOf(protocol) ?? []));
  if (spec.listeners !== null) {
    return carriers(spec.listeners.map((name) => after.get('Listener', undefined, name)?.spec.protocol));
  }
  const all = carriers([...after.all('Listener')].map((listener) => listener.spec.protocol));
  return all.has('http') ? new Set(['http']) : all;
}

/** A Route needs requests; gRPC's own clients need HTTP/2, and carry out less. */
function clusterFault({ document, spec }: Typed<'Cluster'>, wanted: ReadonlySet<Carrier>): Fault | undefined {
  const who = `${describeKey(document)} speaks ${spec.protocol}`;
  if (spec.protocol === 'tcp' || spec.protocol === 'udp') {
    const detail = `${who}; requests of a Route need a cluster that speaks HTTP.`;
    return { code: 'conflict', detail, remedy: 'Name a cluster of `protocol: http1`, or use an L4Route.' };
  }
  if (speaksHttp2(spec.protocol) || !wanted.has('api')) return undefined;
  const detail = `${who}; gRPC's own clients, for which listeners of \`protocol: api\` are, speak http2.`;
  return { code: 'conflict', detail, remedy: 'Name a cluster of `protocol: grpc` or `http2`, or other listeners.' };
}

function listenerMisfits(after: DocumentSet, route: Typed<'Route' | 'L4Route'>, name: string, path: Path): Misfit[] {
  const listener = after.get('Listener', undefined, name);
  if (listener === undefined) return [];
  const { protocol, tenants } = listener.spec;
  const { tenant } = route.document;
  const wanted = route.kind === 'Route' ? ['http', 'https', 'api'] : ['tcp', 'tls-passthrough', 'udp'];
  const misfits: Misfit[] = [];
  if (!wanted.includes(protocol)) {
    const detail = `Listener ${name} speaks ${protocol}; ${route.kind} documents attach to ${listing(wanted)} listeners.`;
    const other = route.kind === 'Route' ? 'an L4Route' : 'a Route';
    const remedy = `Name a listener with \`protocol: ${wanted.join('` or `')}\`, or write ${other}.`;
    misfits.push({
      path,
      fault: { code: 'conflict', detail, remedy },
      other: listener.document,
      otherPath: ['protocol'],
    });
  }
  if (protocol === 'api' && route.kind === 'Route' && route.spec.to.length === 0) {
    const fault = notSupportedYet("`redirect`, `respond` and `clusterHeader` for gRPC's own clients");
    misfits.push({ path, fault, other: listener.document, otherPath: ['protocol'] });
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
