/**
 * Reports the states of endpoints to the control plane, over a stream of Fairlead's own: all of them first, then what
 * changes, no faster than the control plane asks. Another control plane takes none and is left alone.
 */
import { decode, durationMs, durationOf, encode } from '../../proto/codec.ts';
import type { HealthReport } from '../../proto/envoy.ts';
import { Backoff } from './backoff.ts';
import { channelSecurity } from './channel-security.ts';
import { limits } from './limits.ts';
import { nodeMessage } from './node-message.ts';
import type { HealthReporterOptions, ToldEndpoint } from './ports.ts';
import { shuffled } from './shuffled.ts';
import { AdsConnection, methods } from './stream.ts';
import { KeyedTimers, realTimers } from './timers.ts';

type Picture = ReturnType<HealthReporterOptions['look']>;
type ClusterHealth = NonNullable<HealthReport['clusters']>[number];

const nothing: ReadonlyMap<string, ToldEndpoint> = new Map();

export class HealthReporter {
  readonly #options: HealthReporterOptions;
  readonly #connection: AdsConnection;
  readonly #backoff: Backoff;
  readonly #timers: KeyedTimers;
  /** Null: nobody asks. */
  #intervalMs: number | null = null;
  /** Of this stream. */
  #told: Picture = new Map();
  #toldMs = -Infinity;

  constructor(options: HealthReporterOptions) {
    const random = options.random ?? Math.random;
    this.#options = options;
    const servers = shuffled(options.servers, random);
    this.#connection = new AdsConnection(servers, options.token, channelSecurity(options.tls), methods.health);
    this.#backoff = new Backoff(random);
    this.#timers = new KeyedTimers(options.timers ?? realTimers);
  }

  /** Once. */
  start(): void {
    this.#look();
    this.#open();
  }

  close(): void {
    this.#timers.close();
    this.#connection.close();
  }

  #open(): void {
    this.#connection.open({
      onOpen: () => this.#send({ node: nodeMessage(this.#options.node) }),
      onMessage: (bytes) => this.#received(bytes),
      onEnd: (reason, isUnimplemented) => this.#ended(reason, isUnimplemented),
    });
  }

  /** Also while nobody asks: states have begun when they did. */
  #look(): void {
    const { look, now } = this.#options;
    const picture = look();
    if (this.#intervalMs !== null && now() - this.#toldMs >= this.#intervalMs) this.#report(picture);
    this.#timers.start('look', limits.healthLookMs, () => this.#look());
  }

  #received(bytes: Buffer): void {
    try {
      const { interval } = decode('fairlead.report.v1.HealthReportRequest', bytes);
      this.#intervalMs = durationMs((interval ?? {}) as Parameters<typeof durationMs>[0]);
      this.#backoff.reset();
    } catch (error) {
      this.#options.logger.error({ event: 'health_malformed', err: error }, 'request for health reports is malformed');
      this.#connection.cancel();
    }
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
    this.#connection.send(encode('fairlead.report.v1.HealthReport', report));
  }

  #ended(reason: string, isUnimplemented: boolean): void {
    this.#intervalMs = null;
    this.#told = new Map();
    this.#toldMs = -Infinity;
    const { logger } = this.#options;
    const { server } = this.#connection;
    const retryMs = isUnimplemented ? limits.healthAskAgainMs : this.#backoff.next();
    if (isUnimplemented) {
      logger.info({ event: 'health_unsupported', server }, 'the control plane takes no reports of health');
    } else {
      logger.warn({ event: 'health_stream_ended', server, reason, retryMs }, 'health report stream ended');
    }
    this.#timers.start('reconnect', retryMs, () => this.#open());
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
