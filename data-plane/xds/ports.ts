/** What the xDS client needs from outside, and what it offers. */

import type { EndpointState } from '../../proto/endpoint-state.ts';
import type { HttpFilterConfig, ProxyConfig } from '../model/config.ts';
import type { XdsTlsFiles } from './channel-security.ts';
import type { DumpedResource, XdsTypeState } from './subscription.ts';
import type { Timers } from './timers.ts';
import type { NodeType } from './types.ts';

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
  /** `host:port` of each replica of the control plane, at least one. Which is the first to be tried is random. */
  readonly servers: readonly string[];
  readonly node: XdsNode;
  /** Sent as `authorization: Bearer …`; undefined: none. */
  readonly token: string | undefined;
  /** Undefined: plain. */
  readonly tls?: XdsTlsFiles | undefined;
  /**
   * The configuration to run on: first when it is complete, then after each change. What did not change is the same
   * object as before. An error that it throws becomes a NACK.
   */
  readonly onConfig: (config: ProxyConfig) => void;
  /** Once, after the first `onConfig`. */
  readonly onComplete: () => void;
  /** What is wrong with a filter of a listener on this node; null: nothing. Default: nothing ever is. */
  readonly filterFault?: (config: HttpFilterConfig) => string | null;
  readonly logger: XdsLogger;
  /** How long to wait for a resource that was asked for, where its source does not say; 0: for ever. Default 15 s. */
  readonly resourceTimeoutMs?: number;
  readonly timers?: Timers;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** In [0, 1). */
  readonly random?: () => number;
}

/** Counts since the start; one object for as long as it counts. */
export interface CountedLoad {
  readonly zone: string;
  readonly issued: number;
  readonly successful: number;
  readonly errors: number;
  readonly inProgress: number;
}

export interface CountedCluster {
  readonly name: string;
  readonly localities: Iterable<CountedLoad>;
}

/** What all that a node reports goes by. */
export type ReporterOptions = Pick<
  XdsClientOptions,
  'servers' | 'node' | 'token' | 'tls' | 'logger' | 'timers' | 'random'
>;

export interface LoadReporterOptions extends ReporterOptions {
  /** The clusters at work, asked at each report. */
  readonly clusters: () => Iterable<CountedCluster>;
}

/** The state of an endpoint, and since when, by the same clock as `HealthReporterOptions.now`. One object while it is so. */
export interface ToldEndpoint {
  readonly state: EndpointState;
  readonly sinceMs: number;
  readonly reason: string;
}

export interface HealthReporterOptions extends ReporterOptions {
  /** What is known now, by cluster and endpoint key; asked every second. What did not change is the same object. */
  readonly look: () => ReadonlyMap<string, ReadonlyMap<string, ToldEndpoint>>;
  /** Milliseconds that never go back. */
  readonly now: () => number;
}

/** A socket that is bound, as it is bound. */
export interface ToldListener {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly udp: boolean;
}

/** How a node is. */
export interface ToldState {
  readonly phase: 'INITIALIZING' | 'LIVE' | 'LEAVING';
  /** In an order of their own. */
  readonly listeners: readonly ToldListener[];
}

/** What the control plane wants of this node. */
export interface NodeOrders {
  readonly drain: boolean;
  /** With `drain`: so long connections may stay from now on; null: it does not say. */
  readonly timeoutMs: number | null;
}

export interface StateReporterOptions extends ReporterOptions {
  /** Asked several times a second. */
  readonly look: () => ToldState;
  /** Open connections of clients; asked every few seconds. */
  readonly connections: () => Promise<number>;
  /** With each stream, and whenever they change. A stream that ends changes nothing. */
  readonly onOrders: (orders: NodeOrders) => void;
}

export interface XdsState {
  /** A stream is open and a response came on it. */
  readonly connected: boolean;
  /** `onComplete` was called. */
  readonly complete: boolean;
  /** Why the last stream ended; null: none did. */
  readonly lastEnd: string | null;
  readonly types: Readonly<Record<NodeType, XdsTypeState>>;
}

export type DumpedType = Exclude<NodeType, 'virtualHosts'>;

export interface XdsClient {
  readonly connected: boolean;
  /** Once. */
  start(): void;
  /** Ends the stream; nothing is called any more. What was configured stays. */
  close(): void;
  state(): XdsState;
  /** The accepted resources, by type and name; virtual hosts stand with their route configuration. */
  dump(): Readonly<Record<DumpedType, readonly DumpedResource[]>>;
}
