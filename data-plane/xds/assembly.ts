/** Puts what is held together into the configuration that the proxy may use: only what is warm. */
import type { AssignmentConfig, ClusterConfig, ProxyConfig, RouteTableConfig } from '../model/config.ts';
import { noAssignment } from './decode/endpoints.ts';
import type {
  ClusterResource,
  EndpointsResource,
  ListenerResource,
  RoutesResource,
  SecretResource,
  VirtualHostResource,
} from './decode/resources.ts';
import { ListenerSecrets, type WarmListener } from './listener-secrets.ts';
import { RouteTables } from './route-tables.ts';
import { type Kind, type Parts, type SourceChanges, Warmer } from './warmer.ts';

export class Assembly {
  readonly clusters: Warmer<ClusterResource, AssignmentConfig, ClusterConfig>;
  readonly tables: RouteTables;
  /** Routes wait for no cluster: one that is not there yet fails its requests until it is. */
  readonly listeners: Warmer<ListenerResource, RouteTableConfig | null, WarmListener>;
  readonly secrets: ListenerSecrets;
  #config: ProxyConfig = Object.freeze({ listeners: new Map(), clusters: new Map() });

  constructor(endpoints: Parts<EndpointsResource>, routes: Parts<RoutesResource>, secrets: Parts<SecretResource>) {
    this.tables = new RouteTables(routes);
    this.clusters = new Warmer(clusterKind(endpoints));
    this.listeners = new Warmer(listenerKind(this.tables));
    this.secrets = new ListenerSecrets(secrets);
  }

  /** The same object as before if nothing in it changed, and so are its parts. */
  get config(): ProxyConfig {
    const listeners = this.secrets.join(this.listeners.configs);
    const clusters = this.clusters.configs;
    if (listeners !== this.#config.listeners || clusters !== this.#config.clusters) {
      this.#config = Object.freeze({ listeners, clusters });
    }
    return this.#config;
  }

  /** A listener came, changed, or went (undefined). */
  putListener(name: string, listener: ListenerResource | undefined): void {
    this.listeners.put(name, listener);
    this.secrets.put(name, listener?.tls);
  }

  /** Secrets to ask for, and to give back. */
  takeSecretChanges(): SourceChanges {
    this.secrets.join(this.listeners.configs);
    return this.secrets.takeSourceChanges();
  }

  /** A route configuration came, changed, went (undefined), or will not come. */
  putRoutes(name: string, routes: RoutesResource | undefined): void {
    this.#partsChanged(this.tables.putRoutes(name, routes));
  }

  /** Virtual hosts came, changed, or went (undefined). */
  putHosts(hosts: readonly (readonly [name: string, host: VirtualHostResource | undefined])[]): void {
    this.#partsChanged(this.tables.putHosts(hosts));
  }

  hostsAnswered(): void {
    this.#partsChanged(this.tables.hostsAnswered());
  }

  giveUpHosts(table: string): void {
    this.tables.giveUp(table);
    this.#partsChanged([table]);
  }

  #partsChanged(tables: Iterable<string>): void {
    for (const name of tables) this.listeners.partChanged(name);
  }

  get settled(): boolean {
    return this.clusters.settled && this.listeners.settled && this.secrets.settled;
  }
}

function clusterKind(parts: Parts<EndpointsResource>): Kind<ClusterResource, AssignmentConfig, ClusterConfig> {
  return {
    parts: { get: (name) => parts.get(name)?.assignment, missing: (name) => parts.missing(name) },
    source: ({ endpoints }) => (endpoints.type === 'eds' ? endpoints.from : null),
    inline: ({ endpoints }) => (endpoints.type === 'inline' ? endpoints.assignment : noAssignment),
    empty: () => noAssignment,
    isEmpty: ({ endpoints }) => endpoints.length === 0,
    build: ({ config }, assignment) => Object.freeze({ ...config, ...assignment }),
  };
}

/** The part of a TCP listener is null. */
function listenerKind(parts: Parts<RouteTableConfig>): Kind<ListenerResource, RouteTableConfig | null, WarmListener> {
  return {
    parts,
    source: ({ chain }) => (chain.type === 'http' && chain.routes.type === 'rds' ? chain.routes.from : null),
    inline: ({ chain }) => (chain.type === 'http' && chain.routes.type === 'inline' ? chain.routes.table : null),
    empty: emptyTable,
    isEmpty: (table) => table?.hosts.length === 0,
    build: (listener, table) => {
      const { config, chain, tls } = listener;
      if (chain.type !== 'http') return Object.freeze({ ...config, tls, chain });
      const routes = table ?? emptyTable(listener);
      return Object.freeze({ ...config, tls, chain: Object.freeze({ type: 'http', ...chain.config, routes }) });
    },
  };
}

/** Answers 404 to everything. */
function emptyTable({ chain }: ListenerResource): RouteTableConfig {
  const name = chain.type === 'http' && chain.routes.type === 'rds' ? chain.routes.from.name : '';
  return Object.freeze({ name, hosts: Object.freeze([]) });
}
