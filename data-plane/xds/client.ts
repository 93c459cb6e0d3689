/**
 * The xDS client of a node: one incremental ADS stream, four types, each response answered once, and what is held put
 * together into the configuration that the proxy runs on. A stream that breaks changes nothing of it.
 */
import { decode, encode } from '../../proto/codec.ts';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../../proto/envoy.ts';
import { pushOrder, typeUrls, type XdsType, xdsTypeOf } from '../../proto/type-urls.ts';
import type { ProxyConfig } from '../model/config.ts';
import { type Assembly, assemble, nothingAssembled, type Wanted } from './assemble.ts';
import { Backoff } from './backoff.ts';
import { nackText } from './nack.ts';
import { AdsConnection } from './stream.ts';
import { type DumpedResource, type Outcome, Subscription, type XdsTypeState } from './subscription.ts';
import { KeyedTimers, realTimers, type Timers } from './timers.ts';

export interface XdsNode {
  readonly id: string;
  /** The node group (`node.cluster`). */
  readonly group: string;
  /** Empty: none. */
  readonly zone: string;
  /** Of this program. */
  readonly version: string;
}

export interface XdsLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface XdsClientOptions {
  /** `host:port` of the control plane. */
  readonly server: string;
  readonly node: XdsNode;
  /** Sent as `authorization: Bearer …`; undefined: none. */
  readonly token: string | undefined;
  /**
   * The configuration to run on: first when it is complete, then after each change. What did not change is the same
   * object as before. An error that it throws becomes a NACK.
   */
  readonly onConfig: (config: ProxyConfig) => void;
  /** Once, after the first `onConfig`. */
  readonly onComplete: () => void;
  readonly logger: XdsLogger;
  /** How long to wait for a resource that was asked for, where its source does not say; 0: for ever. Default 15 s. */
  readonly resourceTimeoutMs?: number;
  readonly timers?: Timers;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** In [0, 1). */
  readonly random?: () => number;
}

export interface XdsState {
  /** A stream is open and a response came on it. */
  readonly connected: boolean;
  /** `onComplete` was called. */
  readonly complete: boolean;
  /** Why the last stream ended; null: none did. */
  readonly lastEnd: string | null;
  readonly types: Readonly<Record<XdsType, XdsTypeState>>;
}

export interface XdsClient {
  readonly connected: boolean;
  start(): void;
  /** Ends the stream; nothing is called any more. What was configured stays. */
  close(): void;
  state(): XdsState;
  /** The accepted resources, by type and name. */
  dump(): Readonly<Record<XdsType, readonly DumpedResource[]>>;
}

export function createXdsClient(options: XdsClientOptions): XdsClient {
  return new Client(options);
}

/** gRPC's INVALID_ARGUMENT. */
const nackCode = 3;

/** These two are waited for as a whole, the others by name. */
const wholeTypes = ['clusters', 'listeners'] as const;

class Client implements XdsClient {
  readonly #options: XdsClientOptions;
  readonly #connection: AdsConnection;
  readonly #backoff: Backoff;
  readonly #types: { readonly [T in XdsType]: Subscription<T> };
  /** Reconnecting, and times to live. */
  readonly #timers: KeyedTimers;
  /** Resources that are waited for; they stop with the stream. */
  readonly #waits: KeyedTimers;
  readonly #resourceTimeoutMs: number;
  /** Types of which no response came in time. */
  readonly #unanswered = new Set<XdsType>();
  #assembly: Assembly = nothingAssembled;
  #announced: ProxyConfig | null = null;
  #nodeSent = false;
  #connected = false;
  #closed = false;
  #lastEnd: string | null = null;

  constructor(options: XdsClientOptions) {
    this.#options = options;
    this.#connection = new AdsConnection(options.server, options.token);
    this.#backoff = new Backoff(options.random ?? Math.random);
    const timers = options.timers ?? realTimers;
    this.#timers = new KeyedTimers(timers);
    this.#waits = new KeyedTimers(timers);
    this.#resourceTimeoutMs = options.resourceTimeoutMs ?? 15_000;
    const now = options.now ?? Date.now;
    this.#types = {
      clusters: new Subscription('clusters', now),
      endpoints: new Subscription('endpoints', now),
      listeners: new Subscription('listeners', now),
      routes: new Subscription('routes', now),
    };
  }

  get connected(): boolean {
    return this.#connected;
  }

  start(): void {
    this.#connection.open({
      onOpen: () => this.#opened(),
      onMessage: (bytes) => this.#received(bytes),
      onEnd: (reason) => this.#ended(reason),
    });
  }

  close(): void {
    this.#closed = true;
    this.#connected = false;
    this.#timers.stopAll();
    this.#waits.stopAll();
    this.#connection.close();
  }

  #opened(): void {
    this.#nodeSent = false;
    for (const type of pushOrder) this.#types[type].streamOpened();
    this.#sendDueRequests();
    for (const type of wholeTypes) {
      if (!this.#types[type].everAnswered) this.#wait(type, null, () => this.#unanswered.add(type));
    }
  }

  #ended(reason: string): void {
    if (this.#closed) return;
    this.#connected = false;
    this.#lastEnd = reason;
    this.#waits.stopAll();
    const waitMs = this.#backoff.next();
    this.#options.logger.warn({ server: this.#options.server, reason, retryMs: waitMs }, 'xDS stream ended');
    this.#timers.start('reconnect', waitMs, () => this.start());
  }

  #received(bytes: Buffer): void {
    let response: DeltaDiscoveryResponse;
    try {
      response = decode('envoy.service.discovery.v3.DeltaDiscoveryResponse', bytes);
    } catch (error) {
      // without its nonce it cannot even be refused
      this.#options.logger.error({ err: error }, 'xDS response is malformed');
      this.#connection.cancel();
      return;
    }
    if (!this.#connected) this.#options.logger.info({ server: this.#options.server }, 'xDS stream is up');
    this.#connected = true;
    this.#backoff.reset();
    const type = xdsTypeOf(response.type_url ?? '');
    if (type === undefined || !this.#types[type].started) return;
    this.#apply(type, response);
  }

  #apply(type: XdsType, response: DeltaDiscoveryResponse): void {
    const subscription = this.#types[type];
    const outcome = subscription.receive(response);
    this.#unanswered.delete(type);
    this.#waits.stop(type);
    this.#followTimers(type, outcome);
    const reasons = [...outcome.reasons, ...this.#update()];
    const error = reasons.length === 0 ? null : nackText(reasons);
    subscription.answered(error);
    if (error !== null) this.#options.logger.error({ type, error }, 'xDS response was refused');
    this.#send(type, {
      response_nonce: response.nonce ?? '',
      ...(error !== null && { error_detail: { code: nackCode, message: error } }),
    });
    this.#sendDueRequests();
  }

  #followTimers(type: XdsType, { answered, ttls }: Outcome): void {
    for (const name of answered) this.#waits.stop(keyOf(type, name));
    for (const [name, ttlMs] of ttls) {
      const key = keyOf(type, name);
      if (ttlMs === null) this.#timers.stop(key);
      else {
        this.#timers.start(key, ttlMs, () => {
          this.#types[type].expire(name);
          this.#options.logger.warn({ type, name }, 'xDS resource outlived its time to live and was removed');
          this.#updateAndAsk();
        });
      }
    }
  }

  /** Puts everything together anew and tells of it if it changed. Answers what went wrong with that. */
  #update(): string[] {
    const { clusters, endpoints, listeners, routes } = this.#types;
    this.#assembly = assemble(this.#assembly, {
      clusters: clusters.values(),
      listeners: listeners.values(),
      endpoints: { get: (name) => endpoints.get(name)?.endpoints, missing: (name) => endpoints.missing(name) },
      routes,
    });
    this.#askFor('endpoints', this.#assembly.wantedEndpoints);
    this.#askFor('routes', this.#assembly.wantedRoutes);
    const { config, settled } = this.#assembly;
    const first = this.#announced === null;
    if (config === this.#announced || (first && !(settled && this.#isWhole()))) return [];
    try {
      this.#options.onConfig(config);
    } catch (error) {
      this.#options.logger.error({ err: error }, 'configuration could not be applied');
      return [`the configuration could not be applied: ${error instanceof Error ? error.message : String(error)}`];
    }
    this.#announced = config;
    if (first) this.#options.onComplete();
    return [];
  }

  #isWhole(): boolean {
    return wholeTypes.every((type) => this.#types[type].everAnswered || this.#unanswered.has(type));
  }

  #updateAndAsk(): void {
    this.#update();
    this.#sendDueRequests();
  }

  #askFor(type: 'endpoints' | 'routes', wanted: Wanted): void {
    for (const name of this.#types[type].setNames(wanted)) {
      const key = keyOf(type, name);
      this.#waits.stop(key);
      this.#timers.stop(key);
    }
  }

  #sendDueRequests(): void {
    for (const type of pushOrder) {
      const request = this.#types[type].takeRequest();
      if (request === null) continue;
      this.#send(type, {
        resource_names_subscribe: [...request.subscribe],
        resource_names_unsubscribe: [...request.unsubscribe],
        initial_resource_versions: request.versions,
      });
      const wanted = type === 'endpoints' ? this.#assembly.wantedEndpoints : this.#assembly.wantedRoutes;
      for (const name of request.subscribe) {
        if (!this.#types[type].isAwaited(name)) continue;
        this.#wait(keyOf(type, name), wanted.get(name) ?? null, () => this.#types[type].giveUp(name));
      }
    }
  }

  /** Waits for an answer, then goes on without it. */
  #wait(key: string, timeoutMs: number | null, giveUp: () => void): void {
    const ms = timeoutMs ?? this.#resourceTimeoutMs;
    if (ms === 0) return;
    this.#waits.start(key, ms, () => {
      this.#options.logger.warn({ resource: key, waitedMs: ms }, 'xDS resource did not come; going on without it');
      giveUp();
      this.#updateAndAsk();
    });
  }

  #send(type: XdsType, request: DeltaDiscoveryRequest): void {
    const message = { type_url: typeUrls[type], ...request, ...(!this.#nodeSent && { node: this.#node() }) };
    this.#nodeSent = true;
    this.#connection.send(encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', message));
  }

  #node(): NonNullable<DeltaDiscoveryRequest['node']> {
    const { id, group, zone, version } = this.#options.node;
    return {
      id,
      cluster: group,
      user_agent_name: 'fairlead',
      user_agent_version: version,
      locality: zone === '' ? null : { zone },
      client_features: ['envoy.lb.does_not_support_overprovisioning'],
    };
  }

  state(): XdsState {
    const { clusters, endpoints, listeners, routes } = this.#types;
    return {
      connected: this.#connected,
      complete: this.#announced !== null,
      lastEnd: this.#lastEnd,
      types: {
        clusters: clusters.state(),
        endpoints: endpoints.state(),
        listeners: listeners.state(),
        routes: routes.state(),
      },
    };
  }

  dump(): Readonly<Record<XdsType, readonly DumpedResource[]>> {
    const { clusters, endpoints, listeners, routes } = this.#types;
    return {
      clusters: clusters.dump(),
      endpoints: endpoints.dump(),
      listeners: listeners.dump(),
      routes: routes.dump(),
    };
  }
}

function keyOf(type: XdsType, name: string): string {
  return `${type} ${JSON.stringify(name)}`;
}
