/** The filters of one request at work: in their order on the way in, in the opposite one on the way out. */
import type { Ranges } from '../codec/h1-chunked.ts';
import type { HeaderPair, MessageHead } from '../codec/message-head.ts';
import type { HeaderChanges } from '../route/header-changes.ts';
import type { FilterAnswer, FilterRequest, FilterResponse, RequestFilter } from './filter.ts';
import { checkHeader, checkRequestHeader, ResponseHeaders } from './filter-headers.ts';
import type { HttpShared } from './http-context.ts';
import type { LocalReply } from './local-reply.ts';
import type { RequestTarget } from './request-target.ts';

/** Whose request it is. */
export interface FilterOwner {
  /** A filter waits; so many bytes of the body are to come in meanwhile. */
  onFilterWaits(bodyBytes: number): void;
  /** The last of them let the request go, later than within `start`. */
  onFiltersPassed(): void;
  onFilterAnswer(reply: LocalReply): void;
  onFilterDelay(): void;
  /** A filter threw: cut. */
  destroy(): void;
}

export class FilterRun {
  target: RequestTarget;
  running = true;
  readonly shared: HttpShared;
  readonly owner: FilterOwner;
  readonly #slots: readonly Slot[];
  /** The filter that has the head. */
  #at = 0;
  #advancing = false;
  /** Given by a filter that has the head. */
  #reply: LocalReply | null = null;

  constructor(filters: readonly RequestFilter[], target: RequestTarget, shared: HttpShared, owner: FilterOwner) {
    this.#slots = filters.map((filter) => new Slot(this, filter));
    this.target = target;
    this.shared = shared;
    this.owner = owner;
  }

  /** Every filter has let the head pass. */
  get passed(): boolean {
    return this.#at === this.#slots.length;
  }

  /** Hands the head to the filters up to one that waits. A reply: that of one that answers instead. */
  advance(): LocalReply | null {
    this.#advancing = true;
    try {
      for (; this.#at < this.#slots.length; this.#at++) {
        const slot = this.#slots[this.#at]!;
        slot.filter.onRequestHead?.(slot);
        if (this.#reply !== null) return this.#reply;
        if (slot.waiting) return null;
      }
      return null;
    } finally {
      this.#advancing = false;
    }
  }

  answer(reply: LocalReply): void {
    if (!this.running || this.#reply !== null) return;
    this.#reply = reply;
    if (!this.#advancing) this.#safely(() => this.owner.onFilterAnswer(reply));
  }

  /** The filter that was waited for lets the head go. */
  goOn(): void {
    if (!this.running || this.#advancing || this.#reply !== null) return;
    this.#safely(() => {
      this.#at++;
      const reply = this.advance();
      if (reply !== null) this.owner.onFilterAnswer(reply);
      else if (this.passed) this.shared.turns.settle(() => this.#pass());
    });
  }

  #pass(): void {
    if (this.running && this.#reply === null) this.#safely(() => this.owner.onFiltersPassed());
  }

  onRequestBody(b: Buffer, data: Ranges): void {
    for (const { filter } of this.#slots) {
      if (filter.onRequestBody === undefined) continue;
      for (let i = 0; i < data.count; i++) filter.onRequestBody(b.subarray(data.starts[i], data.ends[i]));
    }
  }

  onRequestEnd(): void {
    for (const { filter } of this.#slots) filter.onRequestEnd?.();
  }

  /** What the filters change of an answer, on top of what the route does. */
  onResponseHead(
    status: number,
    head: Pick<MessageHead, 'lines'> | null,
    before: HeaderChanges | null,
  ): HeaderChanges | null {
    let response: ResponseHeaders | null = null;
    for (let i = this.#slots.length - 1; i >= 0; i--) {
      const { filter } = this.#slots[i]!;
      if (filter.onResponseHead === undefined) continue;
      response ??= new ResponseHeaders(status, head, before);
      filter.onResponseHead(response satisfies FilterResponse);
    }
    return response === null ? before : response.changes;
  }

  onResponseBody(b: Buffer, data: Ranges): void {
    for (let i = this.#slots.length - 1; i >= 0; i--) {
      const { filter } = this.#slots[i]!;
      if (filter.onResponseBody === undefined) continue;
      for (let k = 0; k < data.count; k++) filter.onResponseBody(b.subarray(data.starts[k], data.ends[k]));
    }
  }

  end(): void {
    if (!this.running) return;
    this.running = false;
    for (const slot of this.#slots) slot.end();
  }

  /** For what filters call by themselves: nobody above would hear of a fault. */
  #safely(step: () => void): void {
    try {
      step();
    } catch (fault) {
      this.shared.onFault(fault);
      this.owner.destroy();
    }
  }

  /** Calls a filter back. */
  call(then: () => void): void {
    this.#safely(then);
  }
}

/** One filter of a run, and the request as this filter holds it. */
class Slot implements FilterRequest {
  readonly filter: RequestFilter;
  waiting = false;
  readonly #run: FilterRun;
  #timers: (() => void)[] | null = null;

  constructor(run: FilterRun, filter: RequestFilter) {
    this.#run = run;
    this.filter = filter;
  }

  get method(): string {
    return this.#run.target.method;
  }

  get path(): string {
    return this.#run.target.path;
  }

  get query(): string {
    return this.#run.target.query;
  }

  get authority(): string {
    return this.#run.target.authority;
  }

  get scheme(): 'http' | 'https' {
    return this.#run.target.client.scheme;
  }

  get clientIp(): string {
    return this.#run.target.client.ip;
  }

  get requestId(): string {
    return this.#run.target.client.requestId;
  }

  get running(): boolean {
    return this.#run.running;
  }

  header(name: string): string | undefined {
    const lines = this.#run.target.headerLines(name);
    return lines.length === 0 ? undefined : lines.join(',');
  }

  setHeader(name: string, value: string): void {
    checkRequestHeader(name, value);
    this.#run.target.setHeader(name, value);
  }

  removeHeader(name: string): void {
    checkRequestHeader(name, '');
    this.#run.target.setHeader(name, null);
  }

  wait(bodyBytes = 0): void {
    if (this.waiting || !this.#run.running) return;
    this.waiting = true;
    this.#run.owner.onFilterWaits(bodyBytes);
  }

  go(): void {
    if (!this.waiting) return;
    this.waiting = false;
    this.#run.goOn();
  }

  answer({ status, body = '', headers = {}, details = 'filter', flag = '' }: FilterAnswer): void {
    const pairs: HeaderPair[] = Object.entries(headers);
    for (const [name, value] of pairs) checkHeader(name, value);
    if (!(Number.isInteger(status) && status >= 200 && status <= 599)) throw new Error(`status ${status} is no answer`);
    this.#run.answer({ status, flag, details, body, close: false, headers: pairs });
  }

  after(ms: number, then: () => void): void {
    if (!this.#run.running) return;
    this.#timers ??= [];
    this.#timers.push(this.#run.shared.deadlines.after(Math.max(1, ms), () => this.#run.call(then)));
  }

  random(): number {
    return this.#run.shared.random();
  }

  noteDelay(): void {
    this.#run.owner.onFilterDelay();
  }

  end(): void {
    for (const stop of this.#timers ?? []) stop();
    this.filter.onEnd?.();
  }
}
