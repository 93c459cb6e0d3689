/** What translation yields: Envoy messages by xDS type, each with the document that it was made from. */
import type { Cluster, ClusterLoadAssignment, Listener, MessageName, RouteConfiguration } from '../../proto/envoy.ts';
import type { XdsType } from '../../proto/type-urls.ts';
import { type DocumentKey, describeKey, keyId } from '../model/document.ts';
import type { Reference, SpecOf } from '../model/specs.ts';

export type { XdsType };

export interface MessageOf {
  readonly clusters: Cluster;
  readonly endpoints: ClusterLoadAssignment;
  readonly listeners: Listener;
  readonly routes: RouteConfiguration;
}

/** Full protobuf names of the four resource messages. */
export const messageNames = {
  clusters: 'envoy.config.cluster.v3.Cluster',
  endpoints: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
  listeners: 'envoy.config.listener.v3.Listener',
  routes: 'envoy.config.route.v3.RouteConfiguration',
} as const satisfies Record<XdsType, MessageName>;

export interface GroupResource<T extends XdsType = XdsType> {
  /** xDS resource name. */
  readonly name: string;
  readonly message: MessageOf[T];
  /** Only for clients that name it, which gRPC's own do; whoever asks for everything is spared it. */
  readonly byName?: boolean;
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
  /** Clusters that the routes name, by resource name, in no promised order; they may not exist. */
  readonly targets: ReadonlyMap<string, Reference>;
  readonly notes: readonly Note[];
  /** `keyId` of the documents that this was made from, and of those that were looked for in vain. */
  readonly routingReads: ReadonlySet<string>;
  /** By `keyId` of the clusters that routes name, what they speak: it says which listeners carry the route. */
  readonly protocols: ReadonlyMap<string, ClusterProtocol | undefined>;
}

export type ClusterProtocol = SpecOf['Cluster']['protocol'];

export interface Targets {
  /** In name order. */
  readonly clusters: readonly GroupResource<'clusters'>[];
  readonly endpoints: readonly GroupResource<'endpoints'>[];
  readonly targetReads: ReadonlySet<string>;
}

export type GroupResources = Routing & Targets;

/** What a translation finds out on its way. */
export class Findings {
  readonly notes: Note[] = [];
  readonly reads = new Set<string>();
  readonly protocols = new Map<string, ClusterProtocol | undefined>();

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
