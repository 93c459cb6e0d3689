/** A scripted ADS server on a real socket, and timers that tests fire by hand. */
import * as grpc from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { decode, encode } from '../../proto/codec.ts';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../../proto/envoy.ts';
import { typeUrls } from '../../proto/type-urls.ts';
import type { Timers } from './timers.ts';
import { type NodeType, nodeTypeOf } from './types.ts';

/** Values that come at some time, taken in order. */
export class Queue<T> {
  readonly #values: T[] = [];
  readonly #takers: ((value: T) => void)[] = [];

  put(value: T): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#values.push(value);
    else taker(value);
  }

  take(): Promise<T> {
    const value = this.#values.shift();
    if (value !== undefined) return Promise.resolve(value);
    return new Promise((resolve) => this.#takers.push(resolve));
  }
}

/** What a request says, short enough to compare whole; absent parts are left out. */
export interface Said {
  readonly type: NodeType | undefined;
  readonly sub?: readonly string[];
  readonly unsub?: readonly string[];
  readonly versions?: Readonly<Record<string, string>>;
  readonly nonce?: string;
  readonly error?: string;
}

export class ScriptedStream {
  readonly token: string | undefined;
  /** Common name of the certificate that the client presented. */
  readonly presented: string | undefined;
  readonly requests = new Queue<DeltaDiscoveryRequest>();
  /** Settles when the client cuts the stream. */
  readonly ended: Promise<true>;
  readonly #call: grpc.ServerDuplexStream<Buffer, Buffer>;
  #nonces = 0;

  constructor(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
    this.#call = call;
    this.token = call.metadata.get('authorization')[0]?.toString();
    this.presented = call.getAuthContext().sslPeerCertificate?.subject.CN as string | undefined;
    call.on('data', (bytes: Buffer) =>
      this.requests.put(decode('envoy.service.discovery.v3.DeltaDiscoveryRequest', bytes)),
    );
    call.on('error', () => {});
    this.ended = new Promise((resolve) => call.on('cancelled', () => resolve(true)));
  }

  /** The next request, whatever it is. */
  async said(): Promise<Said> {
    const request = await this.requests.take();
    const versions = request.initial_resource_versions;
    return {
      type: nodeTypeOf(request.type_url ?? ''),
      ...(request.resource_names_subscribe && { sub: request.resource_names_subscribe.toSorted() }),
      ...(request.resource_names_unsubscribe && { unsub: request.resource_names_unsubscribe.toSorted() }),
      ...(versions && { versions }),
      ...(request.response_nonce && { nonce: request.response_nonce }),
      ...(request.error_detail && { error: request.error_detail.message ?? '' }),
    };
  }

  /** Sends a response and answers its nonce. */
  send(type: NodeType, resources: readonly SentResource[], removed: readonly string[] = []): string {
    return this.sendAs({
      type_url: typeUrls[type],
      resources: resources.map(({ name, version, bytes, ttlMs, type_url = typeUrls[type] }) => ({
        name,
        version,
        ...(bytes !== undefined && { resource: { type_url, value: Buffer.from(bytes) } }),
        ...(ttlMs !== undefined && { ttl: { seconds: Math.floor(ttlMs / 1000), nanos: (ttlMs % 1000) * 1_000_000 } }),
      })),
      removed_resources: [...removed],
    });
  }

  sendAs(response: DeltaDiscoveryResponse): string {
    const nonce = `n${++this.#nonces}`;
    this.sendBytes(encode('envoy.service.discovery.v3.DeltaDiscoveryResponse', { ...response, nonce }));
    return nonce;
  }

  sendBytes(bytes: Uint8Array): void {
    this.#call.write(Buffer.from(bytes));
  }

  end(): void {
    this.#call.end();
  }
}

export interface SentResource {
  readonly name: string;
  readonly version: string;
  /** Left out in a heartbeat. */
  readonly bytes?: Uint8Array;
  readonly ttlMs?: number;
  /** Another type than that of the response. */
  readonly type_url?: string;
}

export class ScriptedServer {
  readonly streams: Queue<ScriptedStream>;
  /** `ip:port` */
  readonly address: string;
  readonly port: number;
  readonly #server: grpc.Server;

  private constructor(server: grpc.Server, address: string, port: number, streams: Queue<ScriptedStream>) {
    this.#server = server;
    this.address = address;
    this.port = port;
    this.streams = streams;
  }

  /** Port 0 takes a free one. Ends with the test. */
  static async start(
    port = 0,
    credentials = grpc.ServerCredentials.createInsecure(),
    address = '127.0.0.1',
  ): Promise<ScriptedServer> {
    const server = new grpc.Server();
    const streams = new Queue<ScriptedStream>();
    const passThrough = (bytes: Buffer): Buffer => bytes;
    const method = {
      path: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
      requestStream: true,
      responseStream: true,
      requestSerialize: passThrough,
      requestDeserialize: passThrough,
      responseSerialize: passThrough,
      responseDeserialize: passThrough,
    };
    server.addService(
      { delta: method },
      { delta: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => streams.put(new ScriptedStream(call)) },
    );
    const bound = await new Promise<number>((resolve, reject) =>
      server.bindAsync(`${address}:${port}`, credentials, (error, taken) =>
        error === null ? resolve(taken) : reject(error),
      ),
    );
    const scripted = new ScriptedServer(server, `${address}:${bound}`, bound, streams);
    onTestFinished(() => scripted.stop());
    return scripted;
  }

  /** Tells every client to open no more streams on its connection; those that are open stay. */
  goAway(): void {
    this.#server.drain(this.address, 60_000);
  }

  /** Cuts every connection. */
  stop(): void {
    this.#server.forceShutdown();
  }
}

interface Timer {
  readonly ms: number;
  readonly run: () => void;
}

export class ManualTimers implements Timers {
  readonly pending = new Set<Timer>();
  readonly #awaited = new Set<(timer: Timer) => void>();

  setTimeout(run: () => void, ms: number): Timer {
    const timer = { run, ms };
    this.pending.add(timer);
    for (const settle of this.#awaited) settle(timer);
    return timer;
  }

  /** A pending timer of this length, as soon as there is one. */
  awaitSet(ms: number): Promise<Timer> {
    const there = [...this.pending].find((timer) => timer.ms === ms);
    if (there !== undefined) return Promise.resolve(there);
    return new Promise((resolve) => {
      const settle = (timer: Timer) => {
        if (timer.ms !== ms) return;
        this.#awaited.delete(settle);
        resolve(timer);
      };
      this.#awaited.add(settle);
    });
  }

  clearTimeout(handle: unknown): void {
    this.pending.delete(handle as Timer);
  }

  fire(timer: Timer): void {
    if (!this.pending.delete(timer)) throw new Error('the timer is not pending');
    timer.run();
  }

  /** Fires all pending timers of this length. Answers how many. */
  fireAll(ms: number): number {
    const due = [...this.pending].filter((timer) => timer.ms === ms);
    for (const timer of due) this.fire(timer);
    return due.length;
  }
}
