/** The phases filters in and filters out of one request: what they hold back, and how it goes on. */
import type { Field } from '../../proto/http2/field.ts';
import type { Ranges } from '../codec/h1-chunked.ts';
import type { MessageHead } from '../codec/message-head.ts';
import { limits } from '../limits.ts';
import type { HeaderChanges } from '../route/header-changes.ts';
import type { Downstream } from './downstream.ts';
import type { Exchange } from './exchange.ts';
import type { RequestFilter } from './filter.ts';
import { type FilterOwner, FilterRun } from './filter-run.ts';
import { HeldRequest } from './held-request.ts';
import type { HttpShared } from './http-context.ts';
import { type LocalReply, localReplies } from './local-reply.ts';
import type { RequestTarget } from './request-target.ts';

/** The request that is filtered. */
export interface FilteredRequest {
  /** It passed the filters. */
  send(target: RequestTarget, head: MessageHead, bodyFollows: boolean): void;
  sendBody(b: Buffer, data: Ranges): void;
  sendEnd(trailers: readonly Field[] | null): void;
  flushRequest(): void;
  /** It is held back until further notice, of which its own deadlines are to be the limit. */
  onHeld(bodyFollows: boolean): void;
  giveUp(reply: LocalReply): void;
  destroy(): void;
}

const noDrops: ReadonlySet<string> = new Set();

/** Null: no filter has anything to do with this request. */
export function filteringOf(
  target: RequestTarget,
  exchange: Exchange,
  shared: HttpShared,
  downstream: Downstream,
  request: FilteredRequest,
): Filtering | null {
  const { filters } = exchange.context;
  const route = exchange.route === null ? null : exchange.route.config;
  let begun: RequestFilter[] | null = null;
  for (let i = 0; i < filters.length; i++) {
    const filter = filters[i]!.begin(route);
    if (filter === null) continue;
    begun ??= [];
    begun.push(filter);
  }
  return begun === null ? null : new Filtering(begun, target, exchange, shared, downstream, request);
}

export class Filtering implements FilterOwner {
  readonly #run: FilterRun;
  readonly #exchange: Exchange;
  readonly #downstream: Downstream;
  readonly #request: FilteredRequest;
  #held: HeldRequest | null = null;
  /** Of the body, while the request is held; 0: the client is paused. */
  #wantedBytes = 0;

  constructor(
    filters: readonly RequestFilter[],
    target: RequestTarget,
    exchange: Exchange,
    shared: HttpShared,
    downstream: Downstream,
    request: FilteredRequest,
  ) {
    this.#run = new FilterRun(filters, target, shared, this);
    this.#exchange = exchange;
    this.#downstream = downstream;
    this.#request = request;
  }

  /** The head goes to the filters, and on. */
  start(target: RequestTarget, head: MessageHead, bodyFollows: boolean): void {
    const reply = this.#run.advance();
    if (reply !== null) {
      this.#request.giveUp(reply);
      return;
    }
    if (this.#run.passed) {
      this.#request.send(target, head, bodyFollows);
      return;
    }
    this.#held = new HeldRequest(target, head, bodyFollows);
    this.#run.target = this.#held.target;
    this.#request.onHeld(bodyFollows);
    this.#askForBody();
  }

  /** True: it is held back. */
  takesBody(b: Buffer, data: Ranges): boolean {
    const held = this.#held;
    if (held !== null) {
      held.add(b, data);
      if (held.bytes > (this.#wantedBytes || limits.filterBodyBytes)) {
        this.#request.giveUp(localReplies.bodyTooLarge);
        return true;
      }
    }
    this.#run.onRequestBody(b, data);
    return held !== null || !this.#run.running;
  }

  /** True: it is held back. */
  takesEnd(trailers: readonly Field[] | null): boolean {
    const held = this.#held;
    if (held !== null) {
      held.ended = true;
      held.trailers = trailers;
    }
    this.#run.onRequestEnd();
    return held !== null || !this.#run.running;
  }

  changesOf(status: number, head: MessageHead): HeaderChanges | null {
    return this.#run.onResponseHead(status, head, this.#exchange.responseChanges);
  }

  onResponseBody(b: Buffer, data: Ranges): void {
    this.#run.onResponseBody(b, data);
  }

  replyOf(reply: LocalReply): LocalReply {
    const before = { added: reply.headers ?? [], drops: noDrops };
    const changes = this.#run.onResponseHead(reply.status, null, before);
    return changes === null ? reply : { ...reply, headers: changes.added };
  }

  end(): void {
    this.#held = null;
    this.#run.end();
  }

  // ---- what the filters ask for ----

  onFilterWaits(bodyBytes: number): void {
    this.#wantedBytes = Math.min(bodyBytes, limits.filterBodyBytes);
    if (this.#held !== null) this.#askForBody();
  }

  onFiltersPassed(): void {
    const held = this.#held!;
    this.#held = null;
    this.#request.send(held.target, held.head, held.bodyFollows);
    if (held.bytes > 0 && this.#run.running) {
      const { b, data } = held.body();
      this.#request.sendBody(b, data);
    }
    if (held.ended && held.bodyFollows && this.#run.running) this.#request.sendEnd(held.trailers);
    if (!this.#run.running) return;
    this.#downstream.resumeRequest();
    this.#request.flushRequest();
  }

  onFilterAnswer(reply: LocalReply): void {
    this.#request.giveUp(reply);
  }

  onFilterDelay(): void {
    this.#exchange.delayed = true;
  }

  destroy(): void {
    this.#request.destroy();
  }

  #askForBody(): void {
    const { bodyFollows, ended, head } = this.#held!;
    if (!bodyFollows || ended) return;
    if (this.#wantedBytes === 0) this.#downstream.pauseRequest();
    else if (head.contentLength > this.#wantedBytes) this.#request.giveUp(localReplies.bodyTooLarge);
    else {
      this.#downstream.continueRequest();
      this.#downstream.resumeRequest();
    }
  }
}
