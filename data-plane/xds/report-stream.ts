/** A stream of reports to the control plane, opened anew whenever it ends; a control plane that takes none is left alone. */
import { Backoff } from './backoff.ts';
import { channelSecurity } from './channel-security.ts';
import type { ReporterOptions } from './ports.ts';
import { shuffled } from './shuffled.ts';
import { AdsConnection } from './stream.ts';
import { KeyedTimers, realTimers } from './timers.ts';

export interface ReportKind {
  /** gRPC method path. */
  readonly method: string;
  /** Events of the log begin with it. */
  readonly event: string;
  /** As in `load reports`. */
  readonly words: string;
  /** When one that takes none is asked again; null: never. */
  readonly askAgainMs: number | null;
}

export interface ReportHandlers {
  /** It may be written to; whatever was said on an earlier one is forgotten. */
  onOpen(): void;
  /** Throws for what it cannot read. */
  onMessage(bytes: Buffer): void;
  onEnd?(): void;
}

export class ReportStream {
  /** Of the reporter, too: they end with it. */
  readonly timers: KeyedTimers;
  readonly #kind: ReportKind;
  readonly #handlers: ReportHandlers;
  readonly #logger: ReporterOptions['logger'];
  readonly #connection: AdsConnection;
  readonly #backoff: Backoff;

  constructor(options: ReporterOptions, kind: ReportKind, handlers: ReportHandlers) {
    const random = options.random ?? Math.random;
    const servers = shuffled(options.servers, random);
    this.#kind = kind;
    this.#handlers = handlers;
    this.#logger = options.logger;
    this.#connection = new AdsConnection(servers, options.token, channelSecurity(options.tls), kind.method);
    this.#backoff = new Backoff(random);
    this.timers = new KeyedTimers(options.timers ?? realTimers);
  }

  /** Once. */
  open(): void {
    this.#connection.open({
      onOpen: () => this.#handlers.onOpen(),
      onMessage: (bytes) => this.#received(bytes),
      onEnd: (reason, isUnimplemented) => this.#ended(reason, isUnimplemented),
    });
  }

  /** Without a stream, says nothing. */
  send(bytes: Uint8Array): void {
    this.#connection.send(bytes);
  }

  close(): void {
    this.timers.close();
    this.#connection.close();
  }

  #received(bytes: Buffer): void {
    const { event, words } = this.#kind;
    try {
      this.#handlers.onMessage(bytes);
      this.#backoff.reset();
    } catch (error) {
      this.#logger.error(
        { event: `${event}_malformed`, err: error },
        `what came on the stream of ${words} is malformed`,
      );
      this.#connection.cancel();
    }
  }

  #ended(reason: string, isUnimplemented: boolean): void {
    this.#handlers.onEnd?.();
    const { event, words, askAgainMs } = this.#kind;
    const { server } = this.#connection;
    const retryMs = isUnimplemented ? askAgainMs : this.#backoff.next();
    if (isUnimplemented) {
      this.#logger.info({ event: `${event}_unsupported`, server }, `the control plane takes no ${words}`);
    } else {
      this.#logger.warn({ event: `${event}_stream_ended`, server, reason, retryMs }, `stream of ${words} ended`);
    }
    if (retryMs !== null) this.timers.start('reconnect', retryMs, () => this.open());
  }
}
