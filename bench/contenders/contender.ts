/** What every contender offers, and the site that it is put on. */
import type { Cores } from '../harness/cores.ts';
import type { Processes } from '../harness/processes.ts';
import type { RouteTable } from './route-table.ts';

/** What a contender is given to work with. All addresses are 127.0.0.1. */
export interface Site {
  readonly processes: Processes;
  readonly cores: Cores;
  /** A folder of this contender's own. */
  readonly folder: string;
  /** Where it has to listen. */
  readonly port: number;
  readonly backendPort: number;
  readonly table: RouteTable;
  /**
   * What is spoken upstream; downstream HTTP/1.1 for `http1`, otherwise HTTP/2 in the clear by prior knowledge. `grpc` is
   * HTTP/2 for whoever tells the two apart.
   */
  readonly protocol: 'http1' | 'http2' | 'grpc';
}

/** A proxy at work. */
export interface Running {
  readonly name: string;
  /** For example `HAProxy 2.6.12`. */
  readonly version: string;
  readonly port: number;
  /** Root of the process tree whose CPU time is the proxy's own. */
  readonly pid: number;
  /** The file that it writes its access log to. */
  readonly accessLog: string;
  /** One that cannot says so in its version. */
  readonly addsRequestId: boolean;
  /** Throws, with its last words, if it has ended. */
  readonly assertAlive: () => void;
  readonly stop: () => Promise<void>;
}

/**
 * One HTTP proxy with the features that all contenders carry: one worker, routing by host and path prefix,
 * keep-alive pools upstream, x-forwarded-for, a request id, an access log in a file, counters, timeouts.
 */
export interface HttpContender {
  readonly name: string;
  /** Why it cannot take part, and what to do about it; undefined: it can. */
  readonly missing: () => string | undefined;
  readonly start: (site: Site) => Promise<Running>;
}

/** The one set of timeouts that all contenders are given, in milliseconds. */
export const timeouts = {
  connectMs: 1_000,
  requestMs: 15_000,
  requestHeadMs: 10_000,
  idleMs: 300_000,
  upstreamIdleMs: 60_000,
} as const;
