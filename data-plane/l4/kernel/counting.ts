/** Adds what the kernel carried to the stats of the node, where user space counts the same. */
import type { KernelStats } from '../../telemetry/kernel-stats.ts';
import type { StatsRegistry } from '../../telemetry/registry.ts';
import { type ClusterStats, type ListenerStats, listenerStats } from '../../telemetry/stats.ts';
import { plain, type Service } from './ruleset.ts';
import type { Flowed } from './tally.ts';

/** An endpoint of a listener, and what went there since the node has been running. */
export interface Carried {
  readonly listener: string;
  readonly cluster: string;
  /** `address . port` */
  readonly endpoint: string;
  flows: number;
  sentBytes: number;
  receivedBytes: number;
}

interface Place {
  readonly carried: Carried;
  readonly cluster: ClusterStats;
  readonly listener: ListenerStats;
}

interface CountedCluster {
  readonly stats: ClusterStats;
  readonly hosts: readonly { readonly address: string; readonly port: number }[];
}

export class Counting {
  readonly #registry: StatsRegistry;
  readonly #stats: KernelStats;
  readonly #listeners = new Map<string, ListenerStats>();
  /** By protocol, then by key. */
  #places: ReadonlyMap<string, Place> = new Map();

  constructor(registry: StatsRegistry, stats: KernelStats) {
    this.#registry = registry;
    this.#stats = stats;
  }

  /** Whose flows these will be. Where two listeners share a port, an endpoint of both counts for the first. */
  expect(services: readonly Service[], clusters: { get(name: string): CountedCluster | undefined }): void {
    const places = new Map<string, Place>();
    for (const { plan, port } of services) {
      for (const { to } of plan.ways) {
        const cluster = to === null ? undefined : clusters.get(to.cluster);
        if (to === null || cluster === undefined) continue;
        for (const host of cluster.hosts) {
          const endpoint = `${plain(host.address)} . ${host.port}`;
          const key = `${plan.protocol} ${port} . ${endpoint}`;
          if (places.has(key)) continue;
          const none = { flows: 0, sentBytes: 0, receivedBytes: 0 };
          const carried = this.#places.get(key)?.carried ?? {
            listener: plan.name,
            cluster: to.cluster,
            endpoint,
            ...none,
          };
          places.set(key, { carried, cluster: cluster.stats, listener: this.#listenerOf(plan.name) });
        }
      }
    }
    this.#places = places;
    const names = new Set(services.map(({ plan }) => plan.name));
    for (const [name, { scope }] of this.#listeners) {
      if (names.has(name)) continue;
      this.#listeners.delete(name);
      scope.drop();
    }
  }

  get carried(): readonly Carried[] {
    return [...this.#places.values()].map(({ carried }) => carried);
  }

  add(protocol: string, { key, flows, sentBytes, receivedBytes }: Flowed): void {
    const { flows: allFlows, sentBytes: allSent, receivedBytes: allReceived } = this.#stats;
    allFlows.value += flows;
    allSent.value += sentBytes;
    allReceived.value += receivedBytes;
    const place = this.#places.get(`${protocol} ${key}`);
    if (place === undefined) return;
    const { carried, cluster, listener } = place;
    carried.flows += flows;
    carried.sentBytes += sentBytes;
    carried.receivedBytes += receivedBytes;
    cluster.cxTotal.value += flows;
    cluster.cxTxBytesTotal.value += sentBytes;
    cluster.cxRxBytesTotal.value += receivedBytes;
    listener.cxTotal.value += flows;
  }

  #listenerOf(name: string): ListenerStats {
    let stats = this.#listeners.get(name);
    if (stats === undefined) this.#listeners.set(name, (stats = listenerStats(this.#registry, name)));
    return stats;
  }
}
