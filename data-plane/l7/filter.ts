/**
 * What a filter is, and what it sees of a request. docs/filters.md tells it with an example that a test loads.
 *
 * A filter is asked once per request whether it has anything to do there; what it says no to costs nothing more. Requests
 * pass the filters in the order of the listener, their answers in the opposite one.
 */
import type { RouteConfig } from '../model/config.ts';

/** What a file of filters exports as `filters`, a list of these. */
export interface FilterModule {
  /** As documents name it. */
  readonly name: string;
  /**
   * For each configuration that names it; also only to try the settings, so it has no effects.
   * @param settings what the document says, as it came: JSON
   * @throws Error that says what is wrong with the settings: the configuration is then refused
   */
  create(settings: unknown): Filter;
}

/** A filter with its settings; one for all requests. */
export interface Filter {
  /** The head of a request is here and its route found (null: none fits). Null: nothing to do. */
  begin(route: RouteConfig | null): RequestFilter | null;
}

/** A filter at work on one request. What it throws ends the connection of this request, and no other. */
export interface RequestFilter {
  /** May change the head, answer, or wait. The filters behind it, and the endpoint, see what it leaves. */
  onRequestHead?(request: FilterRequest): void;
  /** Bytes of the body on their way; valid during the call only. */
  onRequestBody?(data: Buffer): void;
  /** The body is over. */
  onRequestEnd?(): void;
  /** May change the head of the answer, whoever gives it. */
  onResponseHead?(response: FilterResponse): void;
  onResponseBody?(data: Buffer): void;
  /** The last call for each request: answered whole, or its client is gone. What was waited for is not wanted any more. */
  onEnd?(): void;
}

/** Names are lower-case. Those that frame a message can't be changed. */
interface Headers {
  /** The value, that of several lines joined with `,`; undefined: there is none. */
  header(name: string): string | undefined;
  /** In place of all lines of this name. */
  setHeader(name: string, value: string): void;
  removeHeader(name: string): void;
}

export interface FilterRequest extends Headers {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** `?` and what follows, or empty. */
  readonly query: string;
  readonly authority: string;
  readonly scheme: 'http' | 'https';
  /** IP address of the trusted client. */
  readonly clientIp: string;
  readonly requestId: string;
  /** False once `onEnd` was called: `go` and `answer` have no effect any more. */
  readonly running: boolean;
  /**
   * Neither the filters behind this one nor the endpoint see the request until `go`.
   * @param bodyBytes so much of the body comes in meanwhile, to `onRequestBody`; a longer one is answered with 413.
   *   0: the client is paused.
   */
  wait(bodyBytes?: number): void;
  /** Ends the wait. */
  go(): void;
  /** The request is answered here, once, unless its answer has begun. */
  answer(answer: FilterAnswer): void;
  /** Calls back once after so many milliseconds, unless the request ends before. */
  after(ms: number, then: () => void): void;
  /** In [0, 1), drawn anew with each call. */
  random(): number;
  /** A response flag of Envoy for the access log, beside that of the answer. */
  noteDelay(): void;
}

export interface FilterAnswer {
  readonly status: number;
  /** Latin-1. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the access log. */
  readonly details?: string;
  readonly flag?: string;
}

export interface FilterResponse extends Headers {
  readonly status: number;
}
