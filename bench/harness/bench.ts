/** What a benchmark is given and what it gives back. */
import type { Cores } from './cores.ts';
import type { Processes } from './processes.ts';

export interface BenchOptions {
  /** Seconds of one turn. */
  readonly seconds: number;
  /** Turns of each contender. */
  readonly rounds: number;
  readonly warmUpSeconds: number;
  readonly connections: number;
  /** Length of an answer's body, bytes. */
  readonly bodyBytes: number;
  /** In the table, or at most. */
  readonly routes: number;
  readonly subscribers: number;
  /** Streams of one connection. */
  readonly streams: number;
  /** Changes of one turn, one after the other. */
  readonly changes: number;
  /** Subscribers that stop reading in the second half of a turn; 0: none. */
  readonly slow: number;
  /** Names of the contenders to run; empty: all. */
  readonly only: readonly string[];
  /** Over HTTP/2, calls as gRPC makes them. */
  readonly grpc: boolean;
}

/** One run's surroundings; all of it is gone after the run. */
export interface Workbench {
  /** A folder for everything that is written. */
  readonly folder: string;
  readonly cores: Cores;
  readonly processes: Processes;
  readonly progress: (line: string) => void;
}

export interface BenchReport {
  readonly title: string;
  readonly versions: readonly string[];
  /** Peers that could not take part, each with the reason. */
  readonly missing: readonly string[];
  /** Contenders that are here and did not do their part, each with what went wrong; they have no samples. */
  readonly failed: readonly string[];
  /** What makes the figures less sure. */
  readonly warnings: readonly string[];
  /** Markdown. */
  readonly table: string;
  /** Every sample, by contender, in the order of the rounds. */
  readonly samples: Readonly<Record<string, unknown>>;
}

export interface Benchmark {
  readonly run: (bench: Workbench, options: BenchOptions) => Promise<BenchReport>;
}
