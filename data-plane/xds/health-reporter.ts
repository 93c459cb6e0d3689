/**
 * Reports the states of endpoints to the control plane, over a stream of Fairlead's own: all of them first, then what
 * changes, no faster than the control plane asks. Another control plane takes none and is left alone.
 */
import { decode, durationMs, durationOf, encode } from '../../proto/codec.ts';
import type { HealthReport } from '../../proto/envoy.ts';
import { limits } from './limits.ts';
import { nodeMessage } from './node-message.ts';
import type { HealthReporterOptions, ToldEndpoint } from './ports.ts';
import { type ReportKind, ReportStream } from './report-stream.ts';
import { methods } from './stream.ts';

type Picture = ReturnType<HealthReporterOptions['look']>;
type ClusterHealth = NonNullable<HealthReport['clusters']>[number];

const nothing: ReadonlyMap<string, ToldEndpoint> = new Map();

const kind: ReportKind = {
  method: methods.health,
  event: 'health',
  words: 'reports of health',
  askAgainMs: limits.askAgainMs,
};

export class HealthReporter {
  readonly #options: HealthReporterOptions;
  readonly #stream: ReportStream;
  /** Null: nobody asks. */
  #intervalMs: number | null = null;
  /** Of this stream. */
  #told: Picture = new Map();
  #toldMs = -Infinity;

  constructor(options: HealthReporterOptions) {
    this.#options = options;
    this.#stream = new ReportStream(options, kind, {
      onOpen: () => this.#send({ node: nodeMessage(this.#options.node) }),
      onMessage: (bytes) => this.#received(bytes),
      onEnd: () => this.#ended(),
    });
  }

  /** Once. */
  start(): void {
    this.#look();
    this.#stream.open();
  }

  close(): void {
    this.#stream.close();
  }

  /** Also while nobody asks: states have begun when they did. */
  #look(): void {
    const { look, now } = this.#options;
    const picture = look();
    if (this.#intervalMs !== null && now() - this.#toldMs >= this.#intervalMs) this.#report(picture);
    this.#stream.timers.start('look', limits.healthLookMs, () => this.#look());
  }

  #received(bytes: Buffer): void {
    const { interval } = decode('fairlead.report.v1.HealthReportRequest', bytes);
    this.#intervalMs = durationMs((interval ?? {}) as Parameters<typeof durationMs>[0]);
  }

  #report(picture: Picture): void {
    const nowMs = this.#options.now();
    const clusters = changes(this.#told, picture, nowMs);
    this.#told = picture;
    if (clusters.length === 0) return;
    this.#toldMs = nowMs;
    for (const part of inParts(clusters, limits.healthEndpointsAMessage)) this.#send({ clusters: part });
  }

  #send(report: HealthReport): void {
    this.#stream.send(encode('fairlead.report.v1.HealthReport', report));
  }

  #ended(): void {
    this.#intervalMs = null;
    this.#told = new Map();
    this.#toldMs = -Infinity;
  }
}

/** What has to be told of one picture after the other; both hold one object for as long as nothing changes. */
function changes(before: Picture, after: Picture, nowMs: number): ClusterHealth[] {
  const clusters: ClusterHealth[] = [];
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const [known, wanted] = [before.get(name) ?? nothing, after.get(name) ?? nothing];
    if (known === wanted) continue;
    const endpoints = [...wanted]
      .filter(([key, told]) => known.get(key) !== told)
      .map(([address, { state, sinceMs, reason }]) => {
        const word = state.toUpperCase().replaceAll('-', '_');
        return { address, state: word, age: durationOf(Math.max(0, nowMs - sinceMs)), reason };
      });
    const gone = [...known.keys()].filter((key) => !wanted.has(key));
    if (endpoints.length > 0 || gone.length > 0) clusters.push({ name, endpoints, gone });
  }
  return clusters;
}

/** Messages with no more endpoints than so many each. */
function* inParts(clusters: readonly ClusterHealth[], most: number): Iterable<ClusterHealth[]> {
  let part: ClusterHealth[] = [];
  let room = most;
  for (const { name = '', endpoints = [], gone = [] } of clusters) {
    const count = Math.max(endpoints.length, gone.length);
    for (let from = 0; from < count; ) {
      const to = from + Math.min(room, count - from);
      part.push({ name, endpoints: endpoints.slice(from, to), gone: gone.slice(from, to) });
      room -= to - from;
      from = to;
      if (room > 0) continue;
      yield part;
      part = [];
      room = most;
    }
  }
  if (part.length > 0) yield part;
}
