/** What the proxy itself says of a request that it sends on: who asked, how, and how long there is to answer. */
import { type FieldLike, sharedField } from '../../proto/http2/field.ts';
import type { RequestTarget } from './request-target.ts';

const schemes = { http: sharedField(':scheme', 'http'), https: sharedField(':scheme', 'https') };
const protos: Readonly<Record<string, FieldLike>> = {
  http: sharedField('x-forwarded-proto', 'http'),
  https: sharedField('x-forwarded-proto', 'https'),
};

/** One object, refilled for each request; valid until the next one. */
export class Forwarding {
  #forwardedFor = '';
  #scheme: 'http' | 'https' = 'http';
  #proto = '';
  #externalAddress = '';
  #requestId = '';
  #clientCert = '';
  #expectedMs = 0;

  /** @param expectedMs 0: for ever */
  fill({ client }: RequestTarget, expectedMs: number): void {
    this.#forwardedFor = client.forwardedFor;
    this.#scheme = client.scheme;
    this.#proto = client.forwardedProto;
    this.#externalAddress = client.isEdge ? client.ip : '';
    this.#requestId = client.requestId;
    this.#clientCert = client.clientCert;
    this.#expectedMs = expectedMs;
  }

  /** As HTTP/1.1 writes it. */
  get lines(): string {
    const forwardedFor = this.#forwardedFor === '' ? '' : `x-forwarded-for: ${this.#forwardedFor}\r\n`;
    const external = this.#externalAddress === '' ? '' : `x-envoy-external-address: ${this.#externalAddress}\r\n`;
    const expected = this.#expectedMs > 0 ? `x-envoy-expected-rq-timeout-ms: ${this.#expectedMs}\r\n` : '';
    const clientCert = this.#clientCert === '' ? '' : `x-forwarded-client-cert: ${this.#clientCert}\r\n`;
    return `${forwardedFor}x-forwarded-proto: ${this.#proto}\r\n${external}x-request-id: ${this.#requestId}\r\n${expected}${clientCert}`;
  }

  /** The pseudo-header of HTTP/2. */
  get schemeField(): FieldLike {
    return schemes[this.#scheme];
  }

  addFields(to: FieldLike[]): void {
    if (this.#forwardedFor !== '') to.push(sharedField('x-forwarded-for', this.#forwardedFor));
    to.push(protos[this.#proto] ?? ['x-forwarded-proto', this.#proto]);
    if (this.#externalAddress !== '') to.push(sharedField('x-envoy-external-address', this.#externalAddress));
    to.push(['x-request-id', this.#requestId]);
    if (this.#expectedMs > 0) to.push(sharedField('x-envoy-expected-rq-timeout-ms', `${this.#expectedMs}`));
    if (this.#clientCert !== '') to.push(sharedField('x-forwarded-client-cert', this.#clientCert));
  }
}
