/** Headers in the hands of filters. */
import type { HeaderPair, MessageHead } from '../codec/message-head.ts';
import type { HeaderChanges } from '../route/header-changes.ts';
import type { FilterResponse } from './filter.ts';

const framing = new Set([
  ...['host', 'content-length', 'transfer-encoding', 'connection', 'keep-alive', 'proxy-connection', 'te', 'trailer'],
  ...['upgrade', 'expect'],
]);

/** What the proxy says itself of a request. */
const said = new Set([
  ...['x-forwarded-for', 'x-forwarded-proto', 'x-request-id', 'x-envoy-external-address'],
  ...['x-envoy-expected-rq-timeout-ms', 'x-forwarded-client-cert'],
]);

/** @throws Error for what the proxy says itself, and as {@link checkHeader} */
export function checkRequestHeader(name: string, value: string): void {
  if (said.has(name)) throw new Error(`the header ${name} is the proxy's own: a filter can't change it`);
  checkHeader(name, value);
}

/** @throws Error for what would change the framing of a message, or forge another line of it */
export function checkHeader(name: string, value: string): void {
  if (!/^[a-z0-9!#$%&'*+.^`|~-]+$/.test(name)) throw new Error(`${JSON.stringify(name)} is no lower-case header name`);
  if (framing.has(name)) throw new Error(`the header ${name} frames the message: a filter can't change it`);
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) throw new Error(`the value of ${name} holds what no header can carry`);
}

/** The head of an answer, and what filters change of it. */
export class ResponseHeaders implements FilterResponse {
  readonly status: number;
  readonly #head: Pick<MessageHead, 'lines'> | null;
  #added: HeaderPair[];
  readonly #drops: Set<string>;

  /** @param head null: all that the answer has is in `before` */
  constructor(status: number, head: Pick<MessageHead, 'lines'> | null, before: HeaderChanges | null) {
    this.status = status;
    this.#head = head;
    this.#added = [...(before?.added ?? [])];
    this.#drops = new Set(before?.drops);
  }

  get changes(): HeaderChanges {
    return { added: this.#added, drops: this.#drops };
  }

  header(name: string): string | undefined {
    const kept = this.#head === null || this.#drops.has(name) ? [] : this.#head.lines(name);
    const values = [...kept, ...this.#added.filter(([other]) => other === name).map(([, value]) => value)];
    return values.length === 0 ? undefined : values.join(',');
  }

  setHeader(name: string, value: string): void {
    checkHeader(name, value);
    this.#remove(name);
    this.#added.push([name, value]);
  }

  removeHeader(name: string): void {
    checkHeader(name, '');
    this.#remove(name);
  }

  #remove(name: string): void {
    this.#drops.add(name);
    this.#added = this.#added.filter(([other]) => other !== name);
  }
}
