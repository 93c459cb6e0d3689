/** What gRPC's own xDS clients carry out: they stand behind listeners of `protocol: api`. */
import type { DocumentSet } from '../document-set.ts';
import { type Fault, notSupportedYet, type Path } from '../problems.ts';
import { defaultBreakers, defaultConnectTimeoutMs, defaultKeepAlive } from '../schemas/cluster.ts';
import { grpcConditions } from '../schemas/retry.ts';
import { noHeaderChanges } from '../schemas/route-headers.ts';
import type { BalanceSpec, ClusterSpec, Typed } from '../specs.ts';

/** True for what gRPC speaks. */
export function speaksHttp2(protocol: ClusterSpec['protocol']): boolean {
  return protocol === 'http2' || protocol === 'grpc';
}

/** The clusters of a route that exist, in its order. */
function clustersOf(documents: DocumentSet, { spec }: Typed<'Route'>): Typed<'Cluster'>[] {
  return spec.to.flatMap(({ cluster: { tenant, name } }) => documents.get('Cluster', tenant, name) ?? []);
}

/**
 * Whether gRPC's clients could take the route at all: it leads to clusters that speak HTTP/2, and to no others. Those
 * that do not exist yet say nothing.
 */
export function isForGrpc(documents: DocumentSet, route: Typed<'Route'>): boolean {
  const clusters = clustersOf(documents, route);
  return clusters.length > 0 && clusters.every(({ spec }) => speaksHttp2(spec.protocol));
}

/** Whether they carry out all that the route and its clusters say. */
export function fitsGrpcClients(documents: DocumentSet, route: Typed<'Route'>): boolean {
  if (!isForGrpc(documents, route) || routeFaults(route).length > 0) return false;
  return clustersOf(documents, route).every((cluster) => clusterFault(cluster) === undefined);
}

/** What of a cluster they would not carry out, and where it says that. */
export function clusterFault({
  spec,
}: Typed<'Cluster'>): { readonly field: string; readonly fault: Fault } | undefined {
  const { dns, proxyProtocol, health, connectTimeoutMs, keepAlive, breakers, balance, slowStart, endpoints } = spec;
  const said: readonly (readonly [field: string, isSaid: boolean])[] = [
    ['dns', dns !== null],
    ['proxyProtocol', proxyProtocol !== null],
    ['health', health !== null],
    ['connectTimeout', connectTimeoutMs !== defaultConnectTimeoutMs],
    ['keepAlive', !isSame(keepAlive, defaultKeepAlive)],
    // they know of requests at a time
    ['breakers', !isSame({ ...breakers, requests: 0 }, { ...defaultBreakers, requests: 0 })],
    ['slowStart', slowStart !== null],
  ];
  const field = said.find(([, isSaid]) => isSaid)?.[0];
  if (field !== undefined) return { field, fault: notYet(`\`${field}\` of a cluster`) };
  const unfit = unfitBalance(balance);
  if (unfit !== undefined) return { field: 'balance', fault: notYet(unfit) };
  // the ring of these clients has shares of its own
  if (balance.policy === 'ring-hash') return undefined;
  if (endpoints.every(({ weight }) => weight === endpoints[0]?.weight)) return undefined;
  return { field: 'endpoints', fault: notYet('A `weight` of its own for an endpoint') };
}

/** They have round robin, and rings of XX_HASH, within priorities and weights of zones. */
function unfitBalance(balance: BalanceSpec): string | undefined {
  const { policy, localities, subsets, failClosed } = balance;
  if (policy === 'ring-hash') {
    if (balance.function !== 'xx-hash') return `\`${balance.function}\``;
    if (balance.boundedLoadPercent !== null) return '`boundedLoad`';
  } else if (policy !== 'round-robin') return `\`${policy}\``;
  if (localities === 'zone-aware') return '`zone-aware`';
  if (subsets.length > 0) return '`subsets`';
  return failClosed ? '`failClosed`' : undefined;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The same of a route. */
export function routeFaults({
  spec: { affinity, match, rewrite, headers, retry, fallback, streamIdleTimeoutMs, upgrades, filters },
}: Typed<'Route'>): { readonly path: Path; readonly fault: Fault }[] {
  const faults: { path: Path; fault: Fault }[] = [];
  const found = (path: Path, fault: Fault) => faults.push({ path, fault });
  if (match.methods.length > 0 && !match.methods.includes('POST')) {
    const detail = 'Every gRPC request is a POST: this route would never be taken.';
    found(['match', 'methods'], { code: 'conflict', detail, remedy: 'Leave `methods` out, or add `POST`.' });
  }
  if (streamIdleTimeoutMs !== null) {
    found(['streamIdleTimeout'], notYet('`streamIdleTimeout`', 'which have none,'));
  }
  retry.on?.forEach((condition, index) => {
    if (grpcConditions.includes(condition)) return;
    found(['retry', 'on', index], notYet(`\`${condition}\``, "which go by gRPC's status,"));
  });
  if (retry.perTryMs > 0) found(['retry', 'perTry'], notYet('`perTry`', 'which give all tries one deadline,'));
  match.headers.forEach(({ condition, not }, index) => {
    if (!not || 'present' in condition) return;
    found(['match', 'headers', index, 'not'], notYet('`not: true`', 'which take a missing header for no match,'));
  });
  if (!isSame(headers, noHeaderChanges)) found(['headers'], notYet('`headers`'));
  if (filters.fault !== null) found(['filters', 'fault'], notYet('`fault`'));
  affinity?.hash.forEach((key, index) => {
    if (!('header' in key)) found(['affinity', 'hash', index], notYet('A key that is no `header`'));
  });
  if ((affinity?.sticky ?? null) !== null) found(['affinity', 'sticky'], notYet('`sticky`'));
  if (fallback !== null) found(['fallback'], notYet('`fallback`'));
  if (upgrades.length > 0) found(['upgrades'], notYet('`upgrades`'));
  if (rewrite !== null) found(['rewrite'], notYet('`rewrite`'));
  if (match.query.length > 0) found(['match', 'query'], notYet('`query`'));
  if (match.path.type === 'template') found(['match', 'path', 'template'], notYet('`template`'));
  return faults;
}

function notYet(what: string, why?: string): Fault {
  return notSupportedYet(`${what} for gRPC's own clients${why === undefined ? '' : `, ${why}`}`);
}
