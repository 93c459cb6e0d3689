/** What translation yields: Envoy messages by xDS type, each with the document that it was made from. */
import type { MessageName, MessageTypes } from '../../proto/envoy.ts';
import { pushOrder, type XdsType } from '../../proto/type-urls.ts';
import { type DocumentKey, describeKey, keyId } from '../model/document.ts';
import type { Placement } from '../model/placements.ts';
import type { Reference, Typed } from '../model/specs.ts';

export { pushOrder, type XdsType };

/** Full protobuf names of the resource messages. */
export const messageNames = {
  clusters: 'envoy.config.cluster.v3.Cluster',
  endpoints: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
  listeners: 'envoy.config.listener.v3.Listener',
  routes: 'envoy.config.route.v3.RouteConfiguration',
  virtualHosts: 'envoy.config.route.v3.VirtualHost',
  secrets: 'envoy.extensions.transport_sockets.tls.v3.Secret',
} as const satisfies Partial<Record<XdsType, MessageName>>;

/** Types of which documents yield resources. */
export type TranslatedType = keyof typeof messageNames;

/** Of a RouteConfiguration: without its virtual hosts. */
export type MessageOf<T extends TranslatedType> = MessageTypes[(typeof messageNames)[T]];

export interface GroupResource<T extends TranslatedType = TranslatedType> {
  /** xDS resource name. */
  readonly name: string;
  readonly message: MessageOf<T>;
  /** Only for clients that name it, which gRPC's own do; whoever asks for everything is spared it. */
  readonly byName?: boolean;
  /** Of a RouteConfiguration: its virtual hosts by resource name, in order. */
  readonly hosts?: readonly string[];
  /** The document to blame when a node refuses this resource. */
  readonly source: DocumentKey;
}

/** Something that a document asks for and that this group's nodes are not given, and why. */
export interface Note {
  readonly document: DocumentKey;
  readonly detail: string;
}

/** What stands at the front of a group, and the clusters that it needs. */
export interface Routing {
  /** In name order. */
  readonly listeners: readonly GroupResource<'listeners'>[];
  readonly routes: readonly GroupResource<'routes'>[];
  readonly virtualHosts: readonly GroupResource<'virtualHosts'>[];
  readonly secrets: readonly GroupResource<'secrets'>[];
  /** Clusters that the routes name, by resource name, in no promised order; they may not exist. */
  readonly targets: ReadonlyMap<string, Reference>;
  /** Resource names of those to which nothing with a socket leads. */
  readonly grpcTargets: ReadonlySet<string>;
  readonly notes: readonly Note[];
  /** `keyId` of the documents that this was made from, and of those that were looked for in vain; perhaps of others. */
  readonly routingReads: Set<string>;
  /** By `keyId` of the clusters that routes name: what says which listeners carry the route (`carriageOf`). */
  readonly carriages: Map<string, string | undefined>;
  /** The listeners from which the rest can be made again when routes change; undefined: only from scratch. */
  readonly fronts: readonly Front[] | undefined;
  /** By `keyId`, the hosts that a route stood on in the newest translation. */
  readonly hostsOfRoutes: Map<string, readonly string[]>;
  /** The L4Routes that are served. */
  readonly l4Routes: readonly Typed<'L4Route'>[];
}

/** An http or https listener, and the hosts behind it. */
export interface Front {
  readonly listener: Typed<'Listener'>;
  /** By host, in name order of their resources. */
  readonly hosts: ReadonlyMap<string, Host>;
}

export interface Host {
  /** In the order in which they are tried. */
  readonly routes: readonly Typed<'Route'>[];
  readonly resource: GroupResource<'virtualHosts'>;
}

export interface Targets {
  /** In name order. */
  readonly clusters: readonly GroupResource<'clusters'>[];
  readonly endpoints: readonly GroupResource<'endpoints'>[];
  readonly targetReads: ReadonlySet<string>;
  /** What the fleet said of the nodes that the clusters are made of. */
  readonly placementReads: readonly PlacementRead[];
}

export interface PlacementRead {
  readonly group: string;
  readonly listener: string;
  readonly placed: readonly Placement[];
}

export type GroupResources = Routing & Targets;

/** What a translation finds out on its way. */
export class Findings {
  readonly notes: Note[];
  readonly reads: Set<string>;
  readonly carriages: Map<string, string | undefined>;

  /** Goes on where an earlier translation ended; its sets grow. */
  constructor(
    notes: readonly Note[] = [],
    reads: Set<string> = new Set(),
    carriages: Map<string, string | undefined> = new Map(),
  ) {
    this.notes = [...notes];
    this.reads = reads;
    this.carriages = carriages;
  }

  note(document: DocumentKey, detail: string): void {
    this.notes.push({ document: keyOf(document), detail });
  }

  read(key: DocumentKey): void {
    this.reads.add(keyId(key));
  }
}

/** A document that cannot be said in Envoy's words although it passed its checks. */
export class TranslationError extends Error {
  readonly document: DocumentKey;
  constructor(document: DocumentKey, detail: string) {
    super(`${describeKey(document)}: ${detail}`);
    this.name = 'TranslationError';
    this.document = document;
  }
}

export function keyOf({ kind, tenant, name }: DocumentKey): DocumentKey {
  return { kind, tenant, name };
}

/** By UTF-16 code units: the same order on every machine and in every locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
