/** A real server on a free port with everything handed in, and the clients of one test. */
import { setImmediate as immediate } from 'node:timers/promises';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { SnapshotCache } from '../../snapshot/cache.ts';
import type { Snapshot, SnapshotSource } from '../../snapshot/snapshot.ts';
import type {
  AuthorizeStatus,
  AuthorizeStream,
  ClientElsewhere,
  ClusterReport,
  LoadReport,
  StreamKind,
  Variant,
  XdsLogger,
} from '../ports.ts';
import { startXdsServer, type XdsServer, type XdsServerOptions } from '../server.ts';
import { systemTimers } from '../timers.ts';
import { ManualTimers } from './manual-timers.ts';
import { RawClient, type RawStream } from './raw-client.ts';
import { Recorder } from './recorder.ts';
import { ReportRecorder } from './report-recorder.ts';
import { type Contents, snapshotOf } from './snapshots.ts';
import { StateRecorder } from './state-recorder.ts';

const unservedType = 'type.googleapis.com/example.Unserved';

export class Harness {
  readonly cache = new SnapshotCache();
  /** Watches that streams hold on the cache. */
  watches = 0;
  readonly observer = new Recorder();
  readonly loads = new ReportRecorder<LoadReport>();
  readonly healths = new ReportRecorder<readonly ClusterReport[]>();
  readonly states = new StateRecorder();
  /** Clients of other replicas. */
  elsewhere: readonly ClientElsewhere[] = [];
  readonly timers = new ManualTimers();
  readonly #logger = new TestLogger();
  readonly #streams: RawStream[] = [];
  readonly #clients: RawClient[] = [];
  #server: XdsServer | undefined;
  #snapshot: Snapshot | undefined;

  /** Of the resources that are published from now on; 0: for ever. */
  resourceTtlMs = 0;

  static async start(
    contents?: Contents,
    authorize: AuthorizeStream = async () => ({ ok: true }),
    authorizeStatus: AuthorizeStatus = async () => ({ ok: true }),
    more: Pick<XdsServerOptions, 'tls' | 'joins' | 'others' | 'shedding' | 'isServing'> = {},
  ): Promise<Harness> {
    const harness = new Harness();
    harness.#server = await startXdsServer({
      address: { host: '127.0.0.1', port: 0 },
      source: harness.#source(),
      authorize,
      authorizeStatus,
      observer: harness.observer,
      transportTimers: systemTimers,
      loads: harness.loads,
      healths: harness.healths,
      states: harness.states,
      elsewhere: () => harness.elsewhere,
      timers: harness.timers,
      now: () => harness.timers.now(),
      logger: harness.#logger,
      random: () => 0.5,
      ...more,
    });
    if (contents !== undefined) harness.publish(contents);
    return harness;
  }

  #source(): SnapshotSource {
    return {
      get: (group) => this.cache.get(group),
      watch: (group, onChange) => {
        this.watches += 1;
        const stop = this.cache.watch(group, onChange);
        return () => {
          this.watches -= 1;
          stop();
        };
      },
    };
  }

  get server(): XdsServer {
    if (this.#server === undefined) throw new Error('the server was not started');
    return this.#server;
  }

  /** What the server logged as its own faults; a test that expects some takes them out. */
  get errors(): string[] {
    return this.#logger.errors;
  }

  /** What the server logged, as `warn: …`, its own faults among it. */
  get log(): readonly string[] {
    return this.#logger.lines;
  }

  /** Resolves once the server has logged so many lines. */
  untilLogged(count: number): Promise<void> {
    return this.#logger.untilLogged(count);
  }

  publish(contents: Contents): void {
    this.#snapshot = snapshotOf(contents, this.#snapshot, 'edge', this.resourceTtlMs);
    this.cache.set(this.#snapshot);
  }

  /** A connection for several streams. */
  connect(credentials?: ChannelCredentials): RawClient {
    const client = new RawClient(this.server.address, (stream) => this.#streams.push(stream), credentials);
    this.#clients.push(client);
    return client;
  }

  /** A stream on a connection of its own. */
  open(variant: Variant, service: StreamKind['service'] = 'ads', token?: string): RawStream {
    return this.connect().open(variant, service, token);
  }

  /** Resolves after the server has taken in, and acted on, all that an aggregated stream has sent until now. */
  async settled(stream: RawStream): Promise<void> {
    const before = this.#logger.unserved;
    stream.ask(unservedType);
    await this.#logger.untilUnserved(before + 1);
    await immediate();
  }

  /** Waits until every answer of the clients was heard, then checks that none of them was answered for nothing. */
  async stop(): Promise<void> {
    const answers = this.#streams.reduce((sum, stream) => sum + stream.answers, 0);
    await this.observer.until(() => this.observer.verdicts >= answers);
    await immediate();
    await this.server.close(1000);
    for (const stream of this.#streams) {
      await stream.ended;
      if (stream.responses > 0 && stream.responses >= stream.requests) {
        throw new Error(`${stream.responses} responses to ${stream.requests} requests: one was not needed`);
      }
    }
    for (const client of this.#clients) client.close();
    if (this.errors.length > 0) throw new Error(this.errors.join('; '));
  }
}

/** A log that counts requests for a type that nobody serves, which serve as marks in a stream, and keeps errors. */
class TestLogger implements XdsLogger {
  unserved = 0;
  readonly errors: string[] = [];
  readonly lines: string[] = [];
  #onLine: (() => void)[] = [];
  #waits: { readonly count: number; readonly resolve: () => void }[] = [];

  untilUnserved(count: number): Promise<void> {
    if (this.unserved >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waits.push({ count, resolve }));
  }

  debug(): void {
    this.unserved += 1;
    for (const { count, resolve } of this.#waits) if (this.unserved >= count) resolve();
  }

  async untilLogged(count: number): Promise<void> {
    while (this.lines.length < count) await new Promise<void>((resolve) => this.#onLine.push(resolve));
  }

  info(_fields: object, message: string): void {
    this.#log(`info: ${message}`);
  }

  warn(_fields: object, message: string): void {
    this.#log(`warn: ${message}`);
  }

  #log(line: string): void {
    this.lines.push(line);
    for (const resolve of this.#onLine.splice(0)) resolve();
  }

  error(fields: object, message: string): void {
    this.#log(`error: ${message}`);
    this.errors.push(`${message}: ${JSON.stringify(fields)}`);
  }
}
