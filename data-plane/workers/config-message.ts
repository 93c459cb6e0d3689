/**
 * Configurations on their way to a worker: only what changed is copied, down to the virtual host, and what did not change
 * is the same object at the other end as before.
 */
import type {
  ClusterConfig,
  HealthCheckConfig,
  HttpChainConfig,
  ListenerConfig,
  ProxyConfig,
  RouteTableConfig,
  TcpListenerConfig,
  TlsConfig,
  UdpChainConfig,
  VirtualHostConfig,
} from '../model/config.ts';
import { scopePrefix } from '../telemetry/registry.ts';
import { clusterPrefix, listenerPrefix } from '../telemetry/stats.ts';
import type { CountsChunk } from './common-host-counts.ts';

/** Against the configuration that was sent before. */
export interface ConfigMessage {
  readonly clusters: readonly ClusterConfig[];
  readonly listeners: readonly ListenerMessage[];
  /** Names. */
  readonly goneClusters: readonly string[];
  readonly goneListeners: readonly string[];
  /** Of the clusters and listeners that are new, by the prefix of their stats: what all workers count in common. */
  readonly rows: ReadonlyMap<string, SharedArrayBuffer>;
  /** Of endpoints that are new: what all threads count of them. */
  readonly counts: readonly CountsChunk[];
}

/** `same`: as this listener had it before. */
type Same = 'same';

interface ListenerMessage extends Omit<ListenerConfig, 'chain' | 'tls'> {
  readonly tls: TlsConfig | null | Same;
  readonly chain:
    | TcpListenerConfig
    | UdpChainConfig
    | (Omit<HttpChainConfig, 'routes'> & { readonly routes: TableMessage | Same });
}

interface TableMessage extends Omit<RouteTableConfig, 'hosts'> {
  /** Anew, or where it stood in the table before. */
  readonly hosts: readonly (VirtualHostConfig | number)[];
}

/** The end that sends; one for each worker. */
export class ConfigSender {
  readonly #rowsOf: (prefix: string) => SharedArrayBuffer;
  readonly #counts: () => ReadonlySet<CountsChunk>;
  #sent: ProxyConfig = { clusters: new Map(), listeners: new Map() };
  #sentCounts: ReadonlySet<CountsChunk> = new Set();

  /** @param counts where all endpoints of the configuration to send next are counted */
  constructor(rowsOf: (prefix: string) => SharedArrayBuffer, counts: () => ReadonlySet<CountsChunk>) {
    this.#rowsOf = rowsOf;
    this.#counts = counts;
  }

  next(config: ProxyConfig): ConfigMessage {
    const before = this.#sent;
    const had = prefixesOf(before);
    const joined = [...prefixesOf(config)].filter((prefix) => !had.has(prefix));
    const counts = this.#counts();
    const newCounts = [...counts].filter((chunk) => !this.#sentCounts.has(chunk));
    this.#sent = config;
    this.#sentCounts = counts;
    return {
      clusters: changed(before.clusters, config.clusters).map(withoutProbe),
      listeners: changed(before.listeners, config.listeners).map((one) => writeListener(one, before.listeners)),
      goneClusters: gone(before.clusters, config.clusters),
      goneListeners: gone(before.listeners, config.listeners),
      rows: new Map(joined.map((prefix) => [prefix, this.#rowsOf(prefix)])),
      counts: newCounts,
    };
  }
}

/** The end that receives. */
export class ConfigReceiver {
  #received: ProxyConfig = { clusters: new Map(), listeners: new Map() };

  take(message: ConfigMessage): ProxyConfig {
    const clusters = new Map(this.#received.clusters);
    const listeners = new Map(this.#received.listeners);
    for (const name of message.goneClusters) clusters.delete(name);
    for (const name of message.goneListeners) listeners.delete(name);
    for (const cluster of message.clusters) clusters.set(cluster.name, cluster);
    for (const one of message.listeners) listeners.set(one.name, readListener(one, listeners.get(one.name)));
    this.#received = { clusters, listeners };
    return this.#received;
  }
}

/** Of all that has gauges that limits go by. */
export function prefixesOf({ clusters, listeners }: ProxyConfig): ReadonlySet<string> {
  const prefixes = [...[...clusters.keys()].map(clusterPrefix), ...[...listeners.keys()].map(listenerPrefix)];
  return new Set(prefixes.map(scopePrefix));
}

function changed<T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>): T[] {
  return [...after].filter(([name, value]) => before.get(name) !== value).map(([, value]) => value);
}

function gone(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): string[] {
  return [...before.keys()].filter((name) => !after.has(name));
}

const nothingToSay: HealthCheckConfig['check'] = { type: 'tcp', send: null, receive: [] };

/** Workers make no checks; the bytes to send may lie in a buffer that is much larger, and would be copied with them. */
function withoutProbe(cluster: ClusterConfig): ClusterConfig {
  const { healthCheck } = cluster;
  return healthCheck === null ? cluster : { ...cluster, healthCheck: { ...healthCheck, check: nothingToSay } };
}

function writeListener(listener: ListenerConfig, sent: ReadonlyMap<string, ListenerConfig>): ListenerMessage {
  const before = sent.get(listener.name);
  const tls = before !== undefined && before.tls === listener.tls ? 'same' : listener.tls;
  const { chain } = listener;
  if (chain.type !== 'http') return { ...listener, tls, chain };
  const table = before?.chain.type === 'http' ? before.chain.routes : undefined;
  return { ...listener, tls, chain: { ...chain, routes: writeTable(chain.routes, table) } };
}

function writeTable(table: RouteTableConfig, before: RouteTableConfig | undefined): TableMessage | Same {
  if (table === before) return 'same';
  const places = new Map(before?.hosts.map((host, place) => [host, place]));
  return { name: table.name, hosts: table.hosts.map((host) => places.get(host) ?? host) };
}

function readListener(message: ListenerMessage, before: ListenerConfig | undefined): ListenerConfig {
  const { chain } = message;
  const tls = message.tls === 'same' ? before!.tls : message.tls;
  if (chain.type !== 'http') return { ...message, tls, chain };
  const table = before?.chain.type === 'http' ? before.chain.routes : undefined;
  return { ...message, tls, chain: { ...chain, routes: readTable(chain.routes, table) } };
}

function readTable(message: TableMessage | Same, before: RouteTableConfig | undefined): RouteTableConfig {
  if (message === 'same') return before!;
  return { ...message, hosts: message.hosts.map((host) => (typeof host === 'number' ? before!.hosts[host]! : host)) };
}
