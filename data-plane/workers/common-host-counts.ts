/**
 * Where the threads of a node count what they do at each endpoint. The main thread hands out memory, in chunks for those
 * that join together; a place is never given to another endpoint, so that a late count harms nobody, and a chunk goes
 * when the last of its endpoints has.
 */
import type { EndpointConfig, ProxyConfig } from '../model/config.ts';
import { clearHostCounts, HostCounts, newHostCounts } from '../upstream/host-counts.ts';
import { limits } from './limits.ts';

/** Endpoints of one cluster. Whoever has one knows all of it: it is changed by nobody. */
export interface CountsChunk {
  readonly cluster: string;
  readonly memory: SharedArrayBuffer;
  /** In the order of their places. */
  readonly keys: readonly string[];
}

interface Place {
  readonly chunk: CountsChunk;
  readonly counts: HostCounts;
}

type Places = Map<string, Map<string, Place>>;

/** Of the main thread. It counts nothing itself. */
export class HostCountsBook {
  readonly #workers: number;
  readonly #places: Places = new Map();
  /** What the places of each cluster were made for. */
  readonly #endpoints = new Map<string, readonly EndpointConfig[]>();
  /** Null: to be gathered anew. */
  #chunks: ReadonlySet<CountsChunk> | null = null;

  constructor(workers: number) {
    this.#workers = workers;
  }

  /** Endpoints that stay keep their places. */
  take({ clusters }: ProxyConfig): void {
    for (const name of this.#places.keys()) {
      if (clusters.has(name)) continue;
      this.#places.delete(name);
      this.#endpoints.delete(name);
      this.#chunks = null;
    }
    for (const { name, endpoints } of clusters.values()) {
      if (this.#endpoints.get(name) === endpoints) continue;
      this.#endpoints.set(name, endpoints);
      this.#chunks = null;
      const before = this.#places.get(name);
      const places = new Map<string, Place>();
      const joined: string[] = [];
      for (const { key } of endpoints) {
        const place = before?.get(key);
        if (place === undefined) joined.push(key);
        else places.set(key, place);
      }
      for (let at = 0; at < joined.length; at += limits.chunkEndpoints) {
        addChunk(places, this.#newChunk(name, joined.slice(at, at + limits.chunkEndpoints)), this.#workers, 0);
      }
      this.#places.set(name, places);
    }
  }

  /** All that somebody has a place in. */
  get chunks(): ReadonlySet<CountsChunk> {
    if (this.#chunks !== null) return this.#chunks;
    const chunks = new Set<CountsChunk>();
    for (const places of this.#places.values()) for (const { chunk } of places.values()) chunks.add(chunk);
    this.#chunks = chunks;
    return chunks;
  }

  of(cluster: string, key: string): HostCounts {
    return countsIn(this.#places, cluster, key);
  }

  /** What a worker had under way is over. @param worker from 0 */
  clear(worker: number): void {
    for (const { memory } of this.chunks) clearHostCounts(memory, this.#workers, worker);
  }

  #newChunk(cluster: string, keys: readonly string[]): CountsChunk {
    return { cluster, keys, memory: newHostCounts(keys.length, this.#workers) };
  }
}

/** Of a worker. */
export class ToldHostCounts {
  readonly #workers: number;
  readonly #worker: number;
  readonly #places: Places = new Map();
  /** What the places of each cluster were kept for. */
  readonly #endpoints = new Map<string, readonly EndpointConfig[]>();

  /** @param worker from 0 */
  constructor(workers: number, worker: number) {
    this.#workers = workers;
    this.#worker = worker;
  }

  /** @param chunks those that are new */
  take({ clusters }: ProxyConfig, chunks: readonly CountsChunk[]): void {
    for (const chunk of chunks) {
      let places = this.#places.get(chunk.cluster);
      if (places === undefined) this.#places.set(chunk.cluster, (places = new Map()));
      addChunk(places, chunk, this.#workers, this.#worker);
    }
    for (const [name, places] of this.#places) {
      const cluster = clusters.get(name);
      if (cluster === undefined) {
        this.#places.delete(name);
        this.#endpoints.delete(name);
        continue;
      }
      if (this.#endpoints.get(name) === cluster.endpoints) continue;
      this.#endpoints.set(name, cluster.endpoints);
      const kept = new Set(cluster.endpoints.map(({ key }) => key));
      for (const key of places.keys()) if (!kept.has(key)) places.delete(key);
    }
  }

  of(cluster: string, key: string): HostCounts {
    return countsIn(this.#places, cluster, key);
  }
}

function addChunk(places: Map<string, Place>, chunk: CountsChunk, workers: number, worker: number): void {
  const cells = new Int32Array(chunk.memory);
  chunk.keys.forEach((key, index) => {
    places.set(key, { chunk, counts: new HostCounts(cells, index, workers, worker) });
  });
}

function countsIn(places: Places, cluster: string, key: string): HostCounts {
  const place = places.get(cluster)?.get(key);
  if (place === undefined) throw new Error(`nothing was told of the counts of "${key}" in cluster "${cluster}"`);
  return place.counts;
}
