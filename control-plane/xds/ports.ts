/** What the xDS server needs from outside: who may subscribe, who wants to hear of acknowledgements, time, a log. */
import type { EndpointState } from '../../proto/endpoint-state.ts';
import type { XdsType } from '../../proto/type-urls.ts';
import type { Timers } from '../grpc/server.ts';
import type { ConfigStatus } from './client-status.ts';
import type { Refusal } from './deliveries.ts';

export type { Timers, XdsType };

export type Variant = 'delta' | 'sotw';

export interface NodeIdentity {
  readonly id: string;
  /** `node.cluster`: the node group. */
  readonly group: string;
  /** For example `fairlead 0.1.0` or `envoy 1.40.0`. */
  readonly userAgent: string;
  readonly zone: string;
}

export interface StreamKind {
  readonly variant: Variant;
  /** ADS, or the one type of a per-type service. */
  readonly service: 'ads' | XdsType;
}

export interface StreamInfo extends StreamKind {
  /** Unique in this process. */
  readonly streamId: number;
  readonly node: NodeIdentity;
  /** The client takes virtual hosts as resources of their own: its RouteConfigurations come without them. */
  readonly hostsApart: boolean;
  /** The client lets resources expire, and takes heartbeats (case 70). */
  readonly takesTtl: boolean;
  readonly peer: string;
}

/** Of a client over TLS: the URIs of its subject's alternative names, or why the certificate proves nothing. */
export type PeerCertificate =
  | { readonly trusted: true; readonly uris: readonly string[] }
  | { readonly trusted: false; readonly reason: string };

/**
 * Decides at the first request of a stream. `token` comes from metadata `authorization` or node metadata
 * `fairlead.token`; `certificate` is undefined where the client presented none.
 */
export type AuthorizeStream = (
  token: string | undefined,
  node: NodeIdentity,
  certificate: PeerCertificate | undefined,
) => Promise<
  | { readonly ok: true }
  | { readonly ok: false; readonly code: 'unauthenticated' | 'permission-denied'; readonly message: string }
>;

/** Decides who may ask what every client has. `token` comes from metadata `authorization`. */
export type AuthorizeStatus = (
  token: string | undefined,
  certificate: PeerCertificate | undefined,
) => ReturnType<AuthorizeStream>;

/** What a client has of one type as a whole. */
export interface TypeStatus {
  /** An envoy.service.status.v3.ConfigStatus. */
  readonly config: ConfigStatus;
  /** Of what was sent last; empty before. */
  readonly version: string;
  /** With `ERROR`. */
  readonly refusal?: Refusal;
}

/** A client whose streams are at another replica. */
export interface ClientElsewhere {
  readonly node: NodeIdentity;
  /** Those that it asks for. */
  readonly types: { readonly [T in XdsType]?: TypeStatus };
}

/** Told by the streams; `fleet` implements it. `version` is the version of the type's snapshot unless said otherwise. */
export interface StreamObserver {
  opened(stream: StreamInfo): void;
  closed(stream: StreamInfo): void;
  /**
   * A response left, `bytes` long. Its version is the type's, followed by `~` while removals are held back that belong
   * to it (they go in a response of their own once nothing names what they remove).
   */
  sent(stream: StreamInfo, type: XdsType, version: string, nonce: string, bytes: number): void;
  acked(stream: StreamInfo, type: XdsType, version: string, nonce: string): void;
  nacked(stream: StreamInfo, type: XdsType, version: string, nonce: string, message: string): void;
  /** The type moved on to this version, which says nothing new to this client: no response was needed. */
  current(stream: StreamInfo, type: XdsType, version: string): void;
  /** This version has something for the client, but waits: for an acknowledgement, for a reader, for another type. */
  waiting(stream: StreamInfo, type: XdsType, version: string): void;
}

/** Requests of one node to one cluster in one place, since the report before; `inProgress` as it is now. */
export interface LocalityLoad {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
  readonly issued: number;
  readonly successful: number;
  readonly errors: number;
  readonly inProgress: number;
}

export interface ClusterLoad {
  readonly cluster: string;
  readonly localities: readonly LocalityLoad[];
  /** Requests that were never sent to an endpoint, by the client's own choice. */
  readonly dropped: number;
}

export interface LoadReport {
  /** What the node was asked for: its next report comes after so long. */
  readonly intervalMs: number;
  /** Only clusters that the node's group is served. */
  readonly clusters: readonly ClusterLoad[];
}

/** Told by the load report streams; `fleet` implements it. */
export interface LoadObserver {
  reported(node: NodeIdentity, report: LoadReport): void;
  /** The stream that told it is over. `node`: the same object as in its reports. */
  ended(node: NodeIdentity): void;
}

export interface EndpointReport {
  /** `ip:port`. */
  readonly address: string;
  readonly state: EndpointState;
  /** How long it has been so. */
  readonly ageMs: number;
  /** Empty where the state says it all. */
  readonly reason: string;
}

/** What has changed of a cluster. */
export interface ClusterReport {
  readonly cluster: string;
  readonly endpoints: readonly EndpointReport[];
  /** Addresses that the node does not have any more. */
  readonly gone: readonly string[];
}

/** Told by the streams of health reports; `fleet` implements it. */
export interface HealthObserver {
  /** States only of clusters that the node's group is served. `node`: one object a stream. */
  reported(node: NodeIdentity, clusters: readonly ClusterReport[]): void;
  ended(node: NodeIdentity): void;
}

/** `initializing`: it does not serve yet; `leaving`: it serves what it has, and asks clients to go elsewhere. */
export type NodePhase = 'initializing' | 'live' | 'leaving';

export interface BoundListener {
  readonly name: string;
  /** As it is bound: `0.0.0.0` and `::` are every address of the node. */
  readonly address: string;
  readonly port: number;
  readonly udp: boolean;
}

export interface NodeStateReport {
  readonly phase: NodePhase;
  readonly listeners: readonly BoundListener[];
  /** Of clients, and UDP sessions, that are open. */
  readonly connections: number;
}

export interface NodeOrder {
  /** Connections that are open when so long is over are cut; `null`: it shall not drain. */
  readonly drainWithinMs: number | null;
}

/** Told by the streams of node states; `fleet` implements it. `node`: one object a stream. */
export interface StateObserver {
  /** `tell` is called at once, and again whenever the order changes. */
  joined(node: NodeIdentity, tell: (order: NodeOrder) => void): void;
  reported(node: NodeIdentity, state: NodeStateReport): void;
  ended(node: NodeIdentity): void;
}

export interface XdsLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
