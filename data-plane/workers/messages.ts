/** What the main thread and a worker say to each other. All of it is plain data that can be copied, or shared memory. */
import type { NodeLimits } from '../limits.ts';
import type { ListenerView } from '../runtime/listeners.ts';
import type { StatsNews } from '../telemetry/shared-stats.ts';
import type { Finding } from '../upstream/outcomes.ts';
import type { ConfigMessage } from './config-message.ts';

/** What health checks found out of an endpoint; one that was not checked yet is not told of. */
export type CheckedState = 'passing' | 'degraded' | 'failing';

/** By cluster, then by endpoint key. */
export type CheckedStates = ReadonlyMap<string, ReadonlyMap<string, CheckedState>>;

/** What a worker begins with. */
export interface WorkerData {
  /** From 1, and of how many. */
  readonly number: number;
  readonly workers: number;
  readonly health: CheckedStates;
  readonly limits: NodeLimits;
  /** Files of filters. */
  readonly filters: readonly string[];
  /** Where this node stands; empty: it was not told. */
  readonly zone: string;
  /** That sign sticky sessions. */
  readonly sessionKeys: readonly Uint8Array[];
  /** As `CommonOpenCounts` takes it. */
  readonly open: SharedArrayBuffer;
}

export type ToWorker =
  | { readonly type: 'config'; readonly number: number; readonly config: ConfigMessage }
  | { readonly type: 'health'; readonly cluster: string; readonly key: string; readonly state: CheckedState }
  /** By outlier detection; also stands in the counts of the endpoint, for who comes to know of it later. */
  | { readonly type: 'ejected'; readonly cluster: string; readonly key: string; readonly ejected: boolean }
  /** One request of all workers may go to it. */
  | { readonly type: 'trial'; readonly cluster: string; readonly key: string }
  /** To be answered by `here`. */
  | { readonly type: 'call' }
  /** To be answered by a `view` of the same number. */
  | { readonly type: 'ask'; readonly number: number }
  /** The `lines` of that number are written, or lost. */
  | { readonly type: 'written'; readonly number: number }
  /** Ask clients to go elsewhere, and cut those that stay for longer than so; `resume` takes it back. */
  | { readonly type: 'announce'; readonly timeoutMs: number }
  | { readonly type: 'resume' }
  | { readonly type: 'drain'; readonly timeoutMs: number }
  /** Finish writing and end. */
  | { readonly type: 'stop' };

export type FromWorker =
  /** Of the configuration of that number, and of all before. Told anew when a listener that had failed is bound. */
  | { readonly type: 'applied'; readonly number: number; readonly failed: readonly FailedListener[] }
  | { readonly type: 'stats'; readonly news: StatsNews }
  /** This worker counted what settled it. */
  | { readonly type: 'finding'; readonly cluster: string; readonly key: string; readonly finding: Finding }
  | { readonly type: 'here' }
  | { readonly type: 'view'; readonly number: number; readonly view: WorkerView }
  | {
      readonly type: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly fields: object;
      readonly message: string;
    }
  | {
      readonly type: 'lines';
      readonly number: number;
      readonly path: string;
      readonly batch: Uint8Array;
      readonly lines: number;
    }
  /** No more lines come for this path. */
  | { readonly type: 'linesEnd'; readonly path: string }
  | { readonly type: 'drained' };

export interface FailedListener {
  readonly name: string;
  readonly error: string;
}

/** What a worker has at hand at the moment. */
export interface WorkerView {
  readonly listeners: readonly ListenerView[];
  readonly connections: number;
  /** Connections and requests that have come so far. */
  readonly arrivals: number;
}
