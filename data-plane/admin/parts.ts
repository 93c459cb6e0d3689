/**
 * What the admin interface needs to know of a node and may do with it: plain data, asked anew for each request. Promises
 * are of what the workers are asked for.
 */
import type { StatsSource } from '../telemetry/registry.ts';
import type { ServerState } from '../telemetry/stats.ts';

export interface AdminParts {
  readonly id: string;
  readonly group: string;
  readonly version: string;
  readonly stats: StatsSource;
  uptimeMs(): number;
  state(): ServerState;
  /** In the order in which they are shown. */
  clusters(): Promise<readonly ClusterView[]>;
  listeners(): Promise<readonly ListenerView[]>;
  /** Open connections of clients. */
  connectionCount(): Promise<number>;
  /** What the system's kernel carries. */
  kernel(): KernelView;
  /** Empty where the main thread carries the traffic. */
  workers(): readonly WorkerView[];
  /** The accepted resources. */
  dump(): Readonly<Record<DumpedType, readonly DumpedResource[]>>;
  /** Asks clients to go elsewhere. False: that was asked for here before. @param timeoutMs null: nobody says */
  drain(timeoutMs: number | null): boolean;
  /** Takes it back. False: it was not asked for here. */
  undrain(): boolean;
  /** Where nobody says: connections that stay for so long are cut. */
  readonly drainTimeoutMs: number;
  /** Of the process log, in pino's words. */
  logLevel(): string;
  setLogLevel(level: LogLevel): void;
  /** Access logs are written to new files of the same names. */
  reopenLogs(): void;
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export type DumpedType = 'clusters' | 'endpoints' | 'listeners' | 'routes' | 'secrets';

export interface DumpedResource {
  readonly name: string;
  readonly version_info: string;
  /** Epoch milliseconds. */
  readonly last_updated: number;
  readonly resource: RawResource;
  /** Of a route configuration: its virtual hosts that came as resources of their own. */
  readonly hosts?: readonly RawResource[];
}

export interface RawResource {
  readonly type_url: string;
  readonly value: Uint8Array;
}

export interface WorkerView {
  /** From 1. */
  readonly worker: number;
  readonly state: string;
  readonly restarts: number;
  /** Why it died the last time; null: it never did. */
  readonly lastEnd: string | null;
}

export interface ClusterView {
  readonly name: string;
  readonly hosts: readonly HostView[];
}

export interface HostView {
  readonly address: string;
  readonly port: number;
  /** Empty: none. */
  readonly hostname: string;
  readonly weight: number;
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
  readonly priority: number;
  /** All of it in one word: docs/health-states.md. */
  readonly state: string;
  /** As the control plane says. */
  readonly edsHealth: 'healthy' | 'unhealthy' | 'draining' | 'degraded';
  /** What active health checks say; `passing` where none are made. */
  readonly checked: 'pending' | 'passing' | 'degraded' | 'failing';
  /** By outlier detection. */
  readonly isEjected: boolean;
  readonly connections: number;
  readonly activeRequests: number;
}

export interface ListenerView {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** A datagram socket. */
  readonly udp: boolean;
  readonly connections: number;
  /** Why it is not bound; then address and port are the wanted ones. */
  readonly error: string | null;
}

export interface KernelView {
  /** Of nftables. */
  readonly table: string;
  readonly state: string;
  /** Why it is refused; null: it isn't. */
  readonly fault: string | null;
  /** Those that ask for it. */
  readonly listeners: readonly KernelListenerView[];
  readonly endpoints: readonly KernelEndpointView[];
}

export interface KernelListenerView {
  readonly name: string;
  readonly protocol: 'tcp' | 'udp';
  readonly datapath: 'kernel' | 'user';
  /** Why not all of it is in the kernel. */
  readonly reasons: readonly string[];
  /** What the kernel does not carry out of it. */
  readonly lost: readonly string[];
}

export interface KernelEndpointView {
  readonly listener: string;
  readonly cluster: string;
  readonly endpoint: string;
  readonly flows: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}
