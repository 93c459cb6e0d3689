/** What the HTTP connections of one listener work with. */
import type { RequestLimits } from '../codec/h1-request-reader.ts';
import type { Out } from '../codec/out.ts';
import type { HttpChainConfig } from '../model/config.ts';
import type { Session, SessionKeys } from '../route/sticky-session.ts';
import type { RouteTable } from '../route/table.ts';
import type { LogEntry } from '../telemetry/log-entry.ts';
import type { Http2Stats, HttpStats, ListenerStats } from '../telemetry/stats.ts';
import type { UnderscoreStats } from '../telemetry/underscore-stats.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Deadlines } from '../upstream/deadlines.ts';
import type { AnswerLines } from './answer-lines.ts';
import type { Filter } from './filter.ts';
import type { Turns } from './turns.ts';

/** An access log, compiled. */
export interface RequestLog {
  write(entry: LogEntry): void;
}

/** One configuration of a listener; a request keeps the one it started with. */
export interface HttpContext {
  readonly chain: HttpChainConfig;
  readonly requestLimits: RequestLimits;
  readonly table: RouteTable;
  readonly answerLines: AnswerLines;
  /** In their order. */
  readonly filters: readonly Filter[];
  /** Of routes that say nothing of it; null: clients do not stay. */
  readonly session: Session | null;
  readonly logs: readonly RequestLog[];
  /** Lower-case names of the request headers that the logs print; their values stand in this order in the entry. */
  readonly loggedHeaders: readonly string[];
}

/** What all connections of a thread share: clock, chance, buffers, clusters. */
export interface HttpShared {
  readonly clusters: { get(name: string): Cluster | undefined };
  readonly deadlines: Deadlines;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Epoch milliseconds. */
  readonly wallClock: () => number;
  readonly random: () => number;
  readonly newRequestId: () => string;
  /** Of sessions that are signed. */
  readonly sessionKeys: SessionKeys;
  /** IP address of this machine, told in place of a loopback one. */
  readonly ownAddress: string;
  readonly turns: Turns;
  /** Of new requests, the share that is refused because there are too many, 0 to 1. */
  readonly load: { refusedShare: number };
  readonly http1Stats: UnderscoreStats;
  readonly http2Stats: Http2Stats;
  /** What goes to clients, and to upstreams, within one callback. */
  readonly toClient: Out;
  readonly toUpstream: Out;
  /** All reads land here; nothing keeps it beyond its callback. */
  readonly readBuffer: Buffer;
  /** A bug showed itself while one connection was served: told, and nobody else's traffic ends. Never throws. */
  readonly onFault: (fault: unknown) => void;
}

/** The listener as its connections see it. */
export interface HttpListener {
  readonly shared: HttpShared;
  readonly stats: HttpStats;
  readonly listenerStats: ListenerStats;
  /** `ip:port` of the socket. */
  readonly localAddress: string;
  /** `https`: its connections come out of TLS. */
  readonly scheme: 'http' | 'https';
  /** Use documented Node interfaces only. */
  readonly documentedOnly: boolean;
  /** The newest configuration. */
  context: HttpContext;
  /** Clients are to go elsewhere: every answer closes its connection. */
  draining: boolean;
  /** For good: no connections come any more, and those without a request end. */
  readonly closing: boolean;
}
