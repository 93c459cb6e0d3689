/** What the documents of a churn say, as a value: which backends a request may reach, and the documents themselves. */

export interface World {
  readonly listener: ListenerSettings;
  readonly tenants: readonly Tenant[];
}

export interface ListenerSettings {
  readonly headers: number;
  readonly idleSeconds: number;
  readonly mergeSlashes: boolean;
}

export interface Tenant {
  readonly name: string;
  readonly present: boolean;
  readonly sites: readonly Site[];
}

/** A host of its own, with the clusters that only its routes name. */
export interface Site {
  readonly host: string;
  readonly present: boolean;
  /** The clusters of the route `/`; one of them at least has a weight. */
  readonly root: readonly Share[];
  /** The cluster of the route `/deep`; null: there is no such route. */
  readonly deep: Pool | null;
}

export interface Share {
  readonly pool: Pool;
  readonly weight: number;
}

/** A cluster. */
export interface Pool {
  readonly name: string;
  /** Indexes of backends, at least one. */
  readonly backends: readonly number[];
  readonly policy: 'round-robin' | 'least-request';
  readonly panic: 0 | 50;
  /** Milliseconds between active health checks; null: none. */
  readonly checkedEveryMs: number | null;
  readonly connectTimeoutMs: number;
  readonly keepAliveSeconds: number;
  readonly keepAliveRequests: number;
}

export const group = 'edge';
export const listener = 'public';

/** The clusters that may serve a request; null: there is no such host. */
export function poolsFor(world: World, host: string, path: string): readonly Pool[] | null {
  const site = sitesOf(world).find((one) => one.host === host);
  if (site === undefined) return null;
  if (path.startsWith('/deep') && site.deep !== null) return [site.deep];
  return site.root.filter(({ weight }) => weight > 0).map(({ pool }) => pool);
}

/** Backends of a cluster; none if it does not exist. */
export function backendsOf(world: World, cluster: string): readonly number[] {
  const pools = sitesOf(world).flatMap(({ root, deep }) => [...root.map(({ pool }) => pool), ...(deep ? [deep] : [])]);
  return pools.find(({ name }) => name === cluster)?.backends ?? [];
}

function sitesOf({ tenants }: World): Site[] {
  return tenants.filter(({ present }) => present).flatMap(({ sites }) => sites.filter((site) => site.present));
}

export function hostsOf(world: World): string[] {
  return world.tenants.flatMap(({ sites }) => sites.map(({ host }) => host));
}

/** Every document there is; what an earlier world had and this one lacks goes by `prune`. */
export function documentsOf(world: World, ports: readonly number[]): object[] {
  const { headers, idleSeconds, mergeSlashes } = world.listener;
  return [
    { kind: 'NodeGroup', name: group, spec: { tier: 'l7' } },
    {
      kind: 'Listener',
      name: listener,
      spec: {
        groups: [group],
        address: '127.0.0.1',
        port: 0,
        protocol: 'http',
        accessLog: { format: 'json', to: 'stdout' },
        limits: { headers, idleTimeout: `${idleSeconds}s` },
        paths: { mergeSlashes },
      },
    },
    ...world.tenants.filter(({ present }) => present).flatMap((tenant) => tenantDocuments(tenant, ports)),
  ];
}

function tenantDocuments({ name: tenant, sites }: Tenant, ports: readonly number[]): object[] {
  const claims = sites.map(({ host }) => ({ host }));
  const documents = sites
    .filter(({ present }) => present)
    .flatMap(({ host, root, deep }) => [
      ...[...root.map(({ pool }) => pool), ...(deep === null ? [] : [deep])].map((pool) => clusterSpec(pool, ports)),
      routeSpec(host, '/', root),
      ...(deep === null ? [] : [routeSpec(host, '/deep', [{ pool: deep, weight: 1 }])]),
    ])
    .map((document) => ({ tenant, ...document }));
  return [{ kind: 'Tenant', name: tenant, spec: { claims } }, ...documents];
}

function routeSpec(host: string, prefix: string, to: readonly Share[]) {
  const spec = {
    hosts: [host],
    match: { path: { prefix } },
    to: to.map(({ pool, weight }) => ({ cluster: pool.name, weight })),
  };
  const [name = ''] = host.split('.');
  return { kind: 'Route', name: prefix === '/' ? name : `${name}-deep`, spec };
}

function clusterSpec(pool: Pool, ports: readonly number[]) {
  const { policy, panic, checkedEveryMs, connectTimeoutMs, keepAliveSeconds, keepAliveRequests } = pool;
  const spec = {
    endpoints: pool.backends.map((backend) => ({ address: '127.0.0.1', port: ports[backend] })),
    balance: { policy, panic: `${panic}%` },
    connectTimeout: `${connectTimeoutMs}ms`,
    keepAlive: { idle: `${keepAliveSeconds}s`, requests: keepAliveRequests },
    ...(checkedEveryMs !== null && {
      health: { active: { http: { path: '/healthz' }, interval: `${checkedEveryMs}ms`, timeout: '20s' } },
    }),
  };
  return { kind: 'Cluster', name: pool.name, spec };
}
