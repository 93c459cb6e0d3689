/** What the proxy itself says of a request that it sends on: who asked, how, and how long there is to answer. */
import { type FieldLike, sharedField } from '../../proto/http2/field.ts';
import type { RequestTarget } from './request-target.ts';

const schemes = { http: sharedField(':scheme', 'http'), https: sharedField(':scheme', 'https') };

/** What most requests of one client have in common, ready to be sent. */
interface Common {
  readonly proto: string;
  readonly externalAddress: string;
  readonly expectedMs: number;
  /** As HTTP/1.1 writes it, up to the value of `x-request-id`, which comes last. */
  readonly lines: Buffer;
  readonly fields: readonly FieldLike[];
}

/** By `x-forwarded-for`; bounded, since clients choose the keys. */
const known = new Map<string, Common>();
const mostKnown = 4096;

/** One object, refilled for each request; valid until the next one. */
export class Forwarding {
  #common = commonOf('', '', '', 0);
  #scheme: 'http' | 'https' = 'http';
  #requestId = '';
  #clientCert = '';

  /** What the endpoint is told of the time it has. */
  get expectedMs(): number {
    return this.#common.expectedMs;
  }

  /** @param expectedMs 0: for ever */
  fill({ client }: RequestTarget, expectedMs: number): void {
    const { forwardedFor, forwardedProto } = client;
    const externalAddress = client.isEdge ? client.ip : '';
    let common = known.get(forwardedFor);
    if (
      common === undefined ||
      common.expectedMs !== expectedMs ||
      common.proto !== forwardedProto ||
      common.externalAddress !== externalAddress
    ) {
      common = commonOf(forwardedFor, forwardedProto, externalAddress, expectedMs);
      if (known.size >= mostKnown) known.clear();
      known.set(forwardedFor, common);
    }
    this.#common = common;
    this.#scheme = client.scheme;
    this.#requestId = client.requestId;
    this.#clientCert = client.clientCert;
  }

  /** As HTTP/1.1 writes it; `rest` has to follow. */
  get lines(): Buffer {
    return this.#common.lines;
  }

  /** The value of `x-request-id`, and what comes behind it. */
  get rest(): string {
    if (this.#clientCert === '') return `${this.#requestId}\r\n`;
    return `${this.#requestId}\r\nx-forwarded-client-cert: ${this.#clientCert}\r\n`;
  }

  /** The pseudo-header of HTTP/2. */
  get schemeField(): FieldLike {
    return schemes[this.#scheme];
  }

  addFields(to: FieldLike[]): void {
    const { fields } = this.#common;
    for (let i = 0; i < fields.length; i++) to.push(fields[i]!);
    to.push(['x-request-id', this.#requestId]);
    if (this.#clientCert !== '') to.push(sharedField('x-forwarded-client-cert', this.#clientCert));
  }
}

function commonOf(forwardedFor: string, proto: string, externalAddress: string, expectedMs: number): Common {
  const pairs = [
    ...(forwardedFor === '' ? [] : [['x-forwarded-for', forwardedFor] as const]),
    ['x-forwarded-proto', proto] as const,
    ...(externalAddress === '' ? [] : [['x-envoy-external-address', externalAddress] as const]),
    ...(expectedMs > 0 ? [['x-envoy-expected-rq-timeout-ms', `${expectedMs}`] as const] : []),
  ];
  const lines = pairs.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return {
    ...{ proto, externalAddress, expectedMs },
    lines: Buffer.from(`${lines}x-request-id: `, 'latin1'),
    fields: pairs.map(([name, value]) => sharedField(name, value)),
  };
}
