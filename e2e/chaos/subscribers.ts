/** Raw incremental subscribers that know every replica and go to another one when a stream ends. */
import { Client, type ClientDuplexStream, credentials, Metadata } from '@grpc/grpc-js';
import { decode, encode } from '../../proto/codec.ts';
import { typeUrls } from '../../proto/type-urls.ts';

const method = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

export interface SubscriberOptions {
  readonly addresses: readonly string[];
  readonly count: number;
  readonly streamsPerConnection: number;
  readonly token: string;
  readonly group: string;
  readonly random: () => number;
}

/** Each cluster carries its number in `connect_timeout`: what a subscriber holds is a number by name. */
export class Subscribers {
  readonly #clients = new Map<string, Client>();
  readonly #all: Subscriber[];
  /** Sentences: what came in the wrong order. */
  readonly faults: string[] = [];

  constructor(options: SubscriberOptions) {
    this.#all = Array.from({ length: options.count }, (_, index) => {
      const pool = Math.floor(index / options.addresses.length / options.streamsPerConnection);
      return new Subscriber(index, options, (address) => this.#client(address, pool), this.faults);
    });
  }

  start(): void {
    for (const subscriber of this.#all) subscriber.open();
  }

  /** Of those that do not hold at least these numbers: who, and what they lack. */
  behind(targets: ReadonlyMap<string, number>): string[] {
    return this.#all.flatMap(({ id, held }) =>
      [...targets]
        .filter(([name, number]) => (held.get(name) ?? -1) < number)
        .map(([name, number]) => `${id}: ${name} at ${held.get(name) ?? 'nothing'} instead of ${number}`),
    );
  }

  /** What each one holds. */
  held(): ReadonlyMap<string, number>[] {
    return this.#all.map((subscriber) => subscriber.held);
  }

  get streamsOpened(): number {
    return this.#all.reduce((sum, { opened }) => sum + opened, 0);
  }

  close(): void {
    for (const subscriber of this.#all) subscriber.close();
    for (const client of this.#clients.values()) client.close();
  }

  #client(address: string, pool: number): Client {
    const key = `${address} ${pool}`;
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const client = new Client(address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': 250,
      'grpc.max_reconnect_backoff_ms': 1_000,
      'grpc.enable_http_proxy': 0,
    });
    this.#clients.set(key, client);
    return client;
  }
}

class Subscriber {
  readonly id: string;
  readonly held = new Map<string, number>();
  opened = 0;
  readonly #options: SubscriberOptions;
  readonly #client: (address: string) => Client;
  readonly #faults: string[];
  /** Versions of what is held, for the next stream. */
  readonly #versions = new Map<string, string>();
  #turn: number;
  #call: ClientDuplexStream<Buffer, Buffer> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(index: number, options: SubscriberOptions, client: (address: string) => Client, faults: string[]) {
    this.id = `s${index}`;
    this.#turn = index;
    this.#options = options;
    this.#client = client;
    this.#faults = faults;
  }

  open(): void {
    const { addresses, token, group } = this.#options;
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    const bytes = (buffer: Buffer): Buffer => buffer;
    const address = addresses[this.#turn % addresses.length]!;
    const call = this.#client(address).makeBidiStreamRequest<Buffer, Buffer>(method, bytes, bytes, metadata);
    this.#call = call;
    this.opened += 1;
    call.on('data', (message: Buffer) => this.#receive(call, message));
    // its news come with the status
    call.on('error', () => {});
    call.on('status', () => this.#ended());
    this.#send(call, {
      node: { id: this.id, cluster: group },
      initial_resource_versions: Object.fromEntries(this.#versions),
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#call?.cancel();
  }

  #receive(call: ClientDuplexStream<Buffer, Buffer>, message: Buffer): void {
    const response = decode('envoy.service.discovery.v3.DeltaDiscoveryResponse', message);
    for (const { name = '', version = '', resource } of response.resources ?? []) {
      const number = numberIn((resource as { value: Uint8Array }).value);
      const before = this.held.get(name);
      if (before !== undefined && number < before) {
        this.#faults.push(`${this.id}: ${name} went from ${before} back to ${number} (stream ${this.opened})`);
      }
      this.held.set(name, number);
      this.#versions.set(name, version);
    }
    for (const name of response.removed_resources ?? []) {
      this.#faults.push(`${this.id}: ${name} was removed, which nobody asked for`);
      this.held.delete(name);
      this.#versions.delete(name);
    }
    this.#send(call, { response_nonce: response.nonce ?? '' });
  }

  #send(call: ClientDuplexStream<Buffer, Buffer>, request: object): void {
    call.write(
      Buffer.from(
        encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', { type_url: typeUrls.clusters, ...request }),
      ),
    );
  }

  /** As a client should: another address, after a pause that no two have alike. */
  #ended(): void {
    if (this.#closed) return;
    this.#turn += 1;
    this.#retry = setTimeout(() => this.open(), 50 + 450 * this.#options.random());
  }
}

function numberIn(cluster: Uint8Array): number {
  const { connect_timeout: timeout } = decode('envoy.config.cluster.v3.Cluster', cluster);
  return Number(timeout?.seconds ?? 0) * 1_000 + Math.round((timeout?.nanos ?? 0) / 1e6);
}
