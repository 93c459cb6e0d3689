/** Whether a document fits those that it names: their protocols, who may attach, and what its tenant allows. */
import { type DocumentKey, describeKey, keyId, type Problem } from '../document.ts';
import type { DocumentSet } from '../document-set.ts';
import { type Fault, listing, notSupportedYet, type Path, pointerInto, problemAt } from '../problems.ts';
import { forGrpcClients } from '../schemas/cluster.ts';
import { grpcConditions } from '../schemas/retry.ts';
import { noHeaderChanges } from '../schemas/route-headers.ts';
import type { SpecOf, Typed } from '../specs.ts';
import { carriedByApi } from './carriers.ts';
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
    ...clusterMisfits(after, document),
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

/** An http listener carries http1 clusters, an api listener http2 and grpc ones, an L4Route those without requests. */
function clusterMisfits(after: DocumentSet, route: Typed<'Route' | 'L4Route'>): Misfit[] {
  const listeners = route.kind === 'Route' ? attachable(after, route) : undefined;
  const misfits = route.spec.to.flatMap(({ cluster }, index): Misfit[] => {
    const target = after.get('Cluster', cluster.tenant, cluster.name);
    if (target === undefined) return [];
    const fault = listeners === undefined ? l4Fault(target) : clusterFault(target, listeners);
    if (fault === undefined) return [];
    return [{ path: ['to', index, 'cluster'], fault, other: target.document, otherPath: ['protocol'] }];
  });
  const [target] = route.spec.to.map(({ cluster }) => after.get('Cluster', cluster.tenant, cluster.name));
  if (route.kind !== 'Route' || target === undefined || !listeners?.has('api')) return misfits;
  return [...misfits, ...grpcMisfits(route, target)];
}

/** Conditions that gRPC's own clients would not hold to, seen beside the cluster that makes the route one of theirs. */
function grpcMisfits(
  { spec: { match, rewrite, headers, filters, retry, streamIdleTimeoutMs } }: Typed<'Route'>,
  { document }: Typed<'Cluster'>,
): Misfit[] {
  const misfits: Misfit[] = [];
  const found = (path: Path, fault: Fault) => misfits.push({ path, fault, other: document, otherPath: ['protocol'] });
  if (match.methods.length > 0 && !match.methods.includes('POST')) {
    const detail = 'Every gRPC request is a POST: this route would never be taken.';
    found(['match', 'methods'], { code: 'conflict', detail, remedy: 'Leave `methods` out, or add `POST`.' });
  }
  if (streamIdleTimeoutMs !== null) {
    found(['streamIdleTimeout'], notSupportedYet("`streamIdleTimeout` for gRPC's own clients, which have none,"));
  }
  retry.on?.forEach((condition, index) => {
    if (grpcConditions.includes(condition)) return;
    found(
      ['retry', 'on', index],
      notSupportedYet(`\`${condition}\` for gRPC's own clients, which go by gRPC's status,`),
    );
  });
  if (retry.perTryMs > 0) {
    found(['retry', 'perTry'], notSupportedYet("`perTry` for gRPC's own clients, which give all tries one deadline,"));
  }
  match.headers.forEach(({ condition, not }, index) => {
    if (not && !('present' in condition)) {
      const fault = notSupportedYet("`not: true` for gRPC's own clients, which take a missing header for no match,");
      found(['match', 'headers', index, 'not'], fault);
    }
  });
  if (JSON.stringify(headers) !== JSON.stringify(noHeaderChanges)) {
    found(['headers'], notSupportedYet("`headers` for gRPC's own clients"));
  }
  if (filters.fault !== null) found(['filters', 'fault'], notSupportedYet("`fault` for gRPC's own clients"));
  if (rewrite !== null) found(['rewrite'], notSupportedYet("`rewrite` for gRPC's own clients"));
  if (match.query.length > 0) found(['match', 'query'], notSupportedYet("`query` for gRPC's own clients"));
  if (match.path.type === 'template') {
    found(['match', 'path', 'template'], notSupportedYet("`template` for gRPC's own clients"));
  }
  return misfits;
}

type Carrier = 'http' | 'api';

function carrierOf(protocol: SpecOf['Listener']['protocol'] | undefined): Carrier[] {
  if (protocol === 'api') return ['api'];
  return protocol === 'http' || protocol === 'https' ? ['http'] : [];
}

/** The kinds of listener that a route stands on: those that it names, else what its first cluster asks for. */
function attachable(after: DocumentSet, { spec }: Typed<'Route'>): ReadonlySet<Carrier> {
  if (spec.listeners !== null) {
    const named = spec.listeners.map((name) => after.get('Listener', undefined, name)?.spec.protocol);
    return new Set(named.flatMap((protocol) => carrierOf(protocol)));
  }
  const grpc = carriedByApi(after, spec.to);
  const exists = [...after.all('Listener')].some((listener) => listener.spec.protocol === 'api');
  return new Set<Carrier>([grpc && exists ? 'api' : 'http']);
}

function clusterFault({ document, spec }: Typed<'Cluster'>, listeners: ReadonlySet<Carrier>): Fault | undefined {
  const who = `${describeKey(document)} speaks ${spec.protocol}`;
  if (spec.protocol === 'tcp') {
    const detail = `${who}; requests of a Route need \`protocol: http1\`.`;
    return { code: 'conflict', detail, remedy: 'Name an http1 cluster, or use an L4Route.' };
  }
  if (forGrpcClients(spec.protocol)) {
    if (!listeners.has('http')) return undefined;
    const { code } = notSupportedYet('');
    const detail = `${who}: routing to it from a listener of \`protocol: http\` is not supported yet.`;
    const remedy = 'Name listeners of `protocol: api` alone and http2 and grpc clusters alone, or an http1 cluster.';
    return { ...(code === undefined ? {} : { code }), detail, remedy };
  }
  if (!listeners.has('api')) return undefined;
  const detail = `${who}; gRPC's own clients, for which listeners of \`protocol: api\` are, speak http2.`;
  return { code: 'conflict', detail, remedy: 'Name a cluster of `protocol: grpc` or `http2`, or other listeners.' };
}

function l4Fault({ document, spec }: Typed<'Cluster'>): Fault | undefined {
  if (!forGrpcClients(spec.protocol)) return undefined;
  const detail = `${describeKey(document)} speaks ${spec.protocol}; it serves gRPC's own clients behind listeners of \`protocol: api\`.`;
  return { code: 'conflict', detail, remedy: 'Name a cluster of `protocol: tcp` with the same endpoints.' };
}

function listenerMisfits(after: DocumentSet, route: Typed<'Route' | 'L4Route'>, name: string, path: Path): Misfit[] {
  const listener = after.get('Listener', undefined, name);
  if (listener === undefined) return [];
  const { protocol, tenants } = listener.spec;
  const { tenant } = route.document;
  const wanted = route.kind === 'Route' ? ['http', 'https', 'api'] : ['tcp'];
  const misfits: Misfit[] = [];
  if (!wanted.includes(protocol)) {
    const detail = `Listener ${name} speaks ${protocol}; ${route.kind} documents attach to ${listing(wanted)} listeners.`;
    const other = protocol === 'tcp' ? 'an L4Route' : 'a Route';
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
