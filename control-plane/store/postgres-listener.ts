/** The connection that NOTIFY comes by; connects again by itself. */
import pg from 'pg';
import { channel, nodesChannel, type Watcher } from './database.ts';
import { limits } from './limits.ts';
import type { StoreError } from './store.ts';

export class PostgresListener {
  readonly #config: pg.ClientConfig;
  readonly #explain: (error: unknown) => StoreError;
  #watcher: Watcher | undefined;
  readonly #nodeWatchers = new Set<(replica: string) => void>();
  #client: pg.Client | undefined;
  #retry: NodeJS.Timeout | undefined;
  #pauseMs: number = limits.reconnectMs.first;
  #listening = false;

  constructor(config: pg.ClientConfig, explain: (error: unknown) => StoreError) {
    this.#config = config;
    this.#explain = explain;
  }

  start(watcher: Watcher): void {
    this.#watcher = watcher;
    void this.#connect();
  }

  /** Hears of states of nodes while the listener runs. Returns the unsubscribe function. */
  watchNodes(heard: (replica: string) => void): () => void {
    this.#nodeWatchers.add(heard);
    return () => this.#nodeWatchers.delete(heard);
  }

  /** A connection whose other end vanished looks sound until something is said on it. */
  probe(): void {
    const client = this.#client;
    if (client !== undefined && this.#listening) client.query('select 1').catch((error) => this.#drop(client, error));
  }

  async stop(): Promise<void> {
    this.#watcher = undefined;
    clearTimeout(this.#retry);
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }

  async #connect(): Promise<void> {
    const client = new pg.Client(this.#config);
    this.#client = client;
    client.on('notification', ({ channel: of, payload = '' }) => {
      if (of === nodesChannel) for (const heard of this.#nodeWatchers) heard(payload);
      else this.#watcher?.hint(payload);
    });
    client.on('error', (error) => this.#drop(client, error));
    client.on('end', () => this.#drop(client, new Error('the connection ended')));
    try {
      await client.connect();
      await client.query(`listen ${channel}; listen ${nodesChannel}`);
    } catch (error) {
      this.#drop(client, error);
      return;
    }
    if (this.#client !== client) return;
    this.#listening = true;
    this.#pauseMs = limits.reconnectMs.first;
    this.#watcher?.restored();
  }

  #drop(client: pg.Client, error: unknown): void {
    if (this.#client !== client) return;
    const heardSoFar = this.#listening;
    this.#client = undefined;
    this.#listening = false;
    client.end().catch(() => {});
    if (this.#watcher === undefined) return;
    if (heardSoFar) this.#watcher.lost(this.#explain(error));
    this.#retry = setTimeout(() => void this.#connect(), this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, limits.reconnectMs.most);
  }
}
