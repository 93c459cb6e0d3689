/**
 * Tells the control plane how this node is, whenever that changes, and hears what it shall do, over a stream of
 * Fairlead's own. What was ordered holds when the stream ends; another control plane orders nothing.
 */
import { decode, durationMs, encode } from '../../proto/codec.ts';
import type { NodeState } from '../../proto/envoy.ts';
import { limits } from './limits.ts';
import { nodeMessage } from './node-message.ts';
import type { StateReporterOptions, ToldState } from './ports.ts';
import { type ReportKind, ReportStream } from './report-stream.ts';
import { methods } from './stream.ts';

const kind: ReportKind = {
  method: methods.state,
  event: 'state',
  words: 'reports of how nodes are',
  askAgainMs: limits.askAgainMs,
};

export class StateReporter {
  readonly #options: StateReporterOptions;
  readonly #stream: ReportStream;
  /** What has been told on this stream and would have to be told again if it changed; null: there is no stream. */
  #told: string | null = null;
  /** As they were counted last. */
  #connections = 0;

  constructor(options: StateReporterOptions) {
    this.#options = options;
    this.#stream = new ReportStream(options, kind, {
      onOpen: () => this.#tell(options.look(), { node: nodeMessage(options.node) }),
      onMessage: (bytes) => this.#received(bytes),
      onEnd: () => {
        this.#told = null;
      },
    });
  }

  /** Once. */
  start(): void {
    this.#lookAgain();
    this.#count();
    this.#stream.open();
  }

  close(): void {
    this.#stream.close();
  }

  /** Tells what has changed. */
  look(): void {
    const state = this.#options.look();
    if (this.#told !== null && this.#told !== this.#newsOf(state)) this.#tell(state, {});
  }

  #lookAgain(): void {
    this.look();
    this.#stream.timers.start('look', limits.stateLookMs, () => this.#lookAgain());
  }

  /** All the time, so that whoever leaves says at once how many it leaves with. */
  #count(): void {
    const again = (): void => this.#stream.timers.start('count', limits.connectionsTellMs, () => this.#count());
    this.#options.connections().then(
      (connections) => {
        this.#connections = connections;
        this.look();
        again();
      },
      // a worker that is busy; the number before is as good as any
      again,
    );
  }

  #tell(state: ToldState, first: Pick<NodeState, 'node'>): void {
    this.#told = this.#newsOf(state);
    const { phase, listeners } = state;
    const message = { ...first, phase, listeners: [...listeners], connections: this.#connections };
    this.#stream.send(encode('fairlead.report.v1.NodeState', message));
  }

  /** Connections come and go, and are news only while they are meant to go. */
  #newsOf({ phase, listeners }: ToldState): string {
    return JSON.stringify([phase, listeners, phase === 'LEAVING' ? this.#connections : 0]);
  }

  #received(bytes: Buffer): void {
    const { drain, timeout } = decode('fairlead.report.v1.NodeOrders', bytes);
    const timeoutMs = timeout ? durationMs(timeout as Parameters<typeof durationMs>[0]) : null;
    this.#options.onOrders({ drain: drain ?? false, timeoutMs });
    this.look();
  }
}
