/** What the proxy itself says of a request that it sends on: who asked, how, and how long there is to answer. */
import { type FieldLike, sharedField } from '../../proto/http2/field.ts';
import type { HttpListener } from './http-context.ts';
import type { RequestTarget } from './request-target.ts';

const schemes = { http: sharedField(':scheme', 'http'), https: sharedField(':scheme', 'https') };
const protos = { http: sharedField('x-forwarded-proto', 'http'), https: sharedField('x-forwarded-proto', 'https') };

/** One object, refilled for each request; valid until the next one. */
export class Forwarding {
  #forwardedFor = '';
  #scheme: HttpListener['scheme'] = 'http';
  #requestId = '';
  #expectedMs = 0;

  /** @param expectedMs 0: for ever */
  fill(
    target: RequestTarget,
    { scheme, context }: Pick<HttpListener, 'scheme' | 'context'>,
    requestId: string,
    expectedMs: number,
  ): void {
    // at an edge the peer is appended (Envoy's use_remote_address)
    this.#forwardedFor = context.chain.useRemoteAddress ? appended(target, target.clientIp) : '';
    this.#scheme = scheme;
    this.#requestId = requestId;
    this.#expectedMs = expectedMs;
  }

  /** As HTTP/1.1 writes it. */
  get lines(): string {
    const forwardedFor = this.#forwardedFor === '' ? '' : `x-forwarded-for: ${this.#forwardedFor}\r\n`;
    const expected = this.#expectedMs > 0 ? `x-envoy-expected-rq-timeout-ms: ${this.#expectedMs}\r\n` : '';
    return `${forwardedFor}x-forwarded-proto: ${this.#scheme}\r\nx-request-id: ${this.#requestId}\r\n${expected}`;
  }

  /** The pseudo-header of HTTP/2. */
  get schemeField(): FieldLike {
    return schemes[this.#scheme];
  }

  addFields(to: FieldLike[]): void {
    if (this.#forwardedFor !== '') to.push(sharedField('x-forwarded-for', this.#forwardedFor));
    to.push(protos[this.#scheme], ['x-request-id', this.#requestId]);
    if (this.#expectedMs > 0) to.push(sharedField('x-envoy-expected-rq-timeout-ms', `${this.#expectedMs}`));
  }
}

function appended(target: RequestTarget, clientIp: string): string {
  const before = target.headerLines('x-forwarded-for');
  return before.length === 0 ? clientIp : `${before.join(',')},${clientIp}`;
}
