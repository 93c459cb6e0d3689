/**
 * The xDS client of a node: one incremental ADS stream, five types, each response answered once, and what is held put
 * together into the configuration that the proxy runs on. A stream that breaks changes nothing of it.
 */
import { decode, encode } from '../../proto/codec.ts';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../../proto/envoy.ts';
import { typeUrls } from '../../proto/type-urls.ts';
import type { ProxyConfig } from '../model/config.ts';
import { Assembly } from './assembly.ts';
import { Backoff } from './backoff.ts';
import { channelSecurity } from './channel-security.ts';
import { objectionsTo } from './filter-objections.ts';
import { limits } from './limits.ts';
import { nackText } from './nack.ts';
import { nodeMessage } from './node-message.ts';
import type { DumpedType, XdsClient, XdsClientOptions, XdsState } from './ports.ts';
import { shuffled } from './shuffled.ts';
import { AdsConnection } from './stream.ts';
import { type DumpedResource, type Outcome, Subscription } from './subscription.ts';
import { KeyedTimers, realTimers } from './timers.ts';
import { explainTlsFailure } from './tls-failures.ts';
import { type NodeType, nodeTypeOf, nodeTypes } from './types.ts';
import type { SourceChanges } from './warmer.ts';

export type { XdsClient, XdsClientOptions, XdsLogger, XdsNode, XdsState } from './ports.ts';

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
  readonly #types: { readonly [T in NodeType]: Subscription<T> };
  readonly #assembly: Assembly;
  /** Reconnecting, and times to live. */
  readonly #timers: KeyedTimers;
  /** Resources that are waited for; they stop with the stream. */
  readonly #waits: KeyedTimers;
  readonly #resourceTimeoutMs: number;
  /** Types of which no response came in time. */
  readonly #unanswered = new Set<NodeType>();
  #announced: ProxyConfig | null = null;
  #nodeSent = false;
  #connected = false;
  #lastEnd: string | null = null;

  constructor(options: XdsClientOptions) {
    const random = options.random ?? Math.random;
    this.#options = options;
    this.#connection = new AdsConnection(
      shuffled(options.servers, random),
      options.token,
      channelSecurity(options.tls),
    );
    this.#backoff = new Backoff(random);
    const timers = options.timers ?? realTimers;
    this.#timers = new KeyedTimers(timers);
    this.#waits = new KeyedTimers(timers);
    this.#resourceTimeoutMs = options.resourceTimeoutMs ?? limits.resourceTimeoutMs;
    const now = options.now ?? Date.now;
    this.#types = {
      clusters: new Subscription('clusters', now),
      endpoints: new Subscription('endpoints', now),
      listeners: new Subscription('listeners', now, (arrived) => objectionsTo(arrived, options.filterFault)),
      routes: new Subscription('routes', now, (arrived) => this.#assembly.tables.clashesOfRoutes(arrived)),
      virtualHosts: new Subscription('virtualHosts', now, (arrived, removed) =>
        this.#assembly.tables.clashesOfHosts(arrived, removed),
      ),
      secrets: new Subscription('secrets', now),
    };
    this.#assembly = new Assembly(this.#types.endpoints, this.#types.routes, this.#types.secrets);
  }

  get connected(): boolean {
    return this.#connected;
  }

  start(): void {
    this.#connection.open({
      onOpen: () => this.#opened(),
      onMessage: (bytes) => this.#received(bytes),
      onEnd: (reason) => this.#ended(explainTlsFailure(reason)),
    });
  }

  close(): void {
    this.#connected = false;
    this.#timers.close();
    this.#waits.close();
    this.#connection.close();
  }

  #opened(): void {
    this.#nodeSent = false;
    for (const type of nodeTypes) this.#types[type].streamOpened();
    this.#assembly.tables.streamOpened();
    this.#sendDueRequests();
    for (const type of wholeTypes) {
      if (this.#types[type].everAnswered) continue;
      this.#wait(type, this.#resourceTimeoutMs, () => {
        this.#unanswered.add(type);
        this.#announce();
      });
    }
  }

  #ended(reason: string): void {
    this.#connected = false;
    this.#lastEnd = reason;
    this.#waits.stopAll();
    const waitMs = this.#backoff.next();
    this.#options.logger.warn(
      { event: 'xds_stream_ended', reason, next: this.#connection.server, retryMs: waitMs },
      'xDS stream ended',
    );
    this.#timers.start('reconnect', waitMs, () => this.start());
  }

  #received(bytes: Buffer): void {
    let response: DeltaDiscoveryResponse;
    try {
      response = decode('envoy.service.discovery.v3.DeltaDiscoveryResponse', bytes);
    } catch (error) {
      // without its nonce it cannot even be refused
      this.#options.logger.error({ event: 'xds_malformed', err: error }, 'xDS response is malformed');
      this.#connection.cancel();
      return;
    }
    if (!this.#connected) {
      this.#connected = true;
      this.#backoff.reset();
      this.#options.logger.info({ event: 'xds_stream_up', server: this.#connection.server }, 'xDS stream is up');
    }
    const type = nodeTypeOf(response.type_url ?? '');
    if (type === undefined || !this.#types[type].started) return;
    this.#apply(type, response);
  }

  #apply(type: NodeType, response: DeltaDiscoveryResponse): void {
    const subscription = this.#types[type];
    const outcome = subscription.receive(response);
    this.#waits.stop(type);
    this.#followTimers(type, outcome);
    if (type === 'virtualHosts' && outcome.taken) this.#assembly.hostsAnswered();
    this.#touch(type, outcome.answered);
    const reasons = [...outcome.reasons, ...this.#announce()];
    const error = reasons.length === 0 ? null : nackText(reasons);
    subscription.answered(error);
    if (error !== null) this.#options.logger.error({ event: 'xds_nack', type, error }, 'xDS response was refused');
    this.#send(type, {
      response_nonce: response.nonce ?? '',
      ...(error !== null && { error_detail: { code: nackCode, message: error } }),
    });
    this.#sendDueRequests();
  }

  #followTimers(type: NodeType, { answered, ttls }: Outcome): void {
    for (const name of answered) this.#waits.stop(keyOf(type, name));
    for (const [name, ttlMs] of ttls) {
      const key = keyOf(type, name);
      if (ttlMs === null) this.#timers.stop(key);
      else {
        this.#timers.start(key, ttlMs, () => {
          this.#types[type].expire(name);
          this.#options.logger.warn({ event: 'xds_expired', type, name }, 'xDS resource outlived its time to live');
          this.#changedByTime(type, [name]);
        });
      }
    }
  }

  /** Puts together anew what is touched by resources that came, changed, went, or will not come. */
  #touch(type: NodeType, names: readonly string[]): void {
    const { clusters, listeners } = this.#assembly;
    if (type === 'virtualHosts') this.#putHosts(names);
    if (type === 'secrets') this.#assembly.secrets.secretsChanged();
    for (const name of names) {
      if (type === 'clusters') clusters.put(name, this.#types.clusters.get(name));
      else if (type === 'endpoints') clusters.partChanged(name);
      else if (type === 'listeners') this.#assembly.putListener(name, this.#types.listeners.get(name));
      else if (type === 'routes') this.#assembly.putRoutes(name, this.#types.routes.get(name));
    }
    this.#askFor('endpoints', clusters.takeSourceChanges());
    this.#askFor('routes', listeners.takeSourceChanges());
    this.#askFor('secrets', this.#assembly.takeSecretChanges());
    this.#askForHosts();
  }

  #putHosts(names: readonly string[]): void {
    this.#assembly.putHosts(names.map((name) => [name, this.#types.virtualHosts.get(name)]));
  }

  /** Tells of the configuration if it changed. Answers what went wrong with that. */
  #announce(): string[] {
    const { config, settled } = this.#assembly;
    const first = this.#announced === null;
    if (config === this.#announced || (first && !(settled && this.#isWhole()))) return [];
    try {
      this.#options.onConfig(config);
    } catch (error) {
      this.#options.logger.error({ event: 'config_not_applied', err: error }, 'configuration could not be applied');
      return [`the configuration could not be applied: ${error instanceof Error ? error.message : String(error)}`];
    }
    this.#announced = config;
    if (first) this.#options.onComplete();
    return [];
  }

  #isWhole(): boolean {
    return wholeTypes.every((type) => this.#types[type].everAnswered || this.#unanswered.has(type));
  }

  /** What a timer changed: there is no response to answer. */
  #changedByTime(type: NodeType, names: readonly string[]): void {
    this.#touch(type, names);
    this.#announce();
    this.#sendDueRequests();
  }

  #askFor(type: 'endpoints' | 'routes' | 'secrets', changes: SourceChanges): void {
    this.#types[type].changeNames(changes);
    for (const name of changes.removed) {
      this.#waits.stop(keyOf(type, name));
      this.#timers.stop(keyOf(type, name));
      if (type === 'routes') this.#assembly.putRoutes(name, undefined);
    }
  }

  /** Virtual hosts are asked for, all of them, while a route configuration says that they come so. */
  #askForHosts(): void {
    const { tables } = this.#assembly;
    const forgotten = this.#types.virtualHosts.wantAll(tables.wantsHosts);
    for (const name of forgotten) this.#timers.stop(keyOf('virtualHosts', name));
    if (forgotten.length > 0) this.#putHosts(forgotten);
  }

  /** Tables wait for their first hosts as resources wait that were asked for by name. */
  #waitForHosts(): void {
    const { tables } = this.#assembly;
    const { added, removed } = tables.takeWaitChanges();
    const keyOfTable = (table: string) => `hosts of ${keyOf('routes', table)}`;
    for (const table of removed) this.#waits.stop(keyOfTable(table));
    for (const table of added) {
      this.#wait(keyOfTable(table), tables.fetchTimeoutMs(table) ?? this.#resourceTimeoutMs, () => {
        this.#assembly.giveUpHosts(table);
        this.#changedByTime('routes', []);
      });
    }
  }

  #sendDueRequests(): void {
    for (const type of nodeTypes) {
      const request = this.#types[type].takeRequest();
      if (request === null) continue;
      this.#send(type, {
        resource_names_subscribe: [...request.subscribe],
        resource_names_unsubscribe: [...request.unsubscribe],
        initial_resource_versions: request.versions,
      });
      if (type === 'virtualHosts') continue;
      const { clusters, listeners, secrets } = this.#assembly;
      const warmer = type === 'endpoints' ? clusters : type === 'secrets' ? secrets : listeners;
      for (const name of request.subscribe) {
        if (this.#types[type].isAwaited(name)) this.#waitFor(type, name, warmer.fetchTimeoutMs(name));
      }
    }
    this.#waitForHosts();
  }

  /** Waits for a response that names it, then goes on without it. */
  #waitFor(type: NodeType, name: string, timeoutMs: number | null): void {
    this.#wait(keyOf(type, name), timeoutMs ?? this.#resourceTimeoutMs, () => {
      this.#types[type].giveUp(name);
      this.#changedByTime(type, [name]);
    });
  }

  #wait(key: string, ms: number, giveUp: () => void): void {
    if (ms === 0) return;
    this.#waits.start(key, ms, () => {
      this.#options.logger.warn({ event: 'xds_unanswered', resource: key, waitedMs: ms }, 'xDS resource did not come');
      giveUp();
    });
  }

  #send(type: NodeType, request: DeltaDiscoveryRequest): void {
    const message = {
      type_url: typeUrls[type],
      ...request,
      ...(!this.#nodeSent && { node: nodeMessage(this.#options.node) }),
    };
    this.#nodeSent = true;
    this.#connection.send(encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', message));
  }

  state(): XdsState {
    const { clusters, endpoints, listeners, routes, virtualHosts, secrets } = this.#types;
    return {
      connected: this.#connected,
      complete: this.#announced !== null,
      lastEnd: this.#lastEnd,
      types: {
        clusters: clusters.state(),
        endpoints: endpoints.state(),
        listeners: listeners.state(),
        routes: routes.state(),
        virtualHosts: virtualHosts.state(),
        secrets: secrets.state(),
      },
    };
  }

  dump(): Readonly<Record<DumpedType, readonly DumpedResource[]>> {
    const { clusters, endpoints, listeners, routes, virtualHosts, secrets } = this.#types;
    const { tables } = this.#assembly;
    return {
      clusters: clusters.dump(),
      endpoints: endpoints.dump(),
      listeners: listeners.dump(),
      routes: routes.dump().map((dumped) => {
        const hosts = tables.hostNames(dumped.name).flatMap((name) => virtualHosts.raw(name) ?? []);
        return hosts.length === 0 ? dumped : { ...dumped, hosts };
      }),
      secrets: secrets.dump(),
    };
  }
}

function keyOf(type: NodeType, name: string): string {
  return `${type} ${JSON.stringify(name)}`;
}
