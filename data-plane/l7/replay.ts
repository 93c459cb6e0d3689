/**
 * What was sent of a request, kept until its answer begins, in case that it has to be sent again: in HTTP/1.1 the bytes
 * as they left, in HTTP/2 the fields and the body.
 */
import type { Field, FieldLike } from '../../proto/http2/field.ts';
import type { Ranges } from '../codec/h1-chunked.ts';
import type { Out } from '../codec/out.ts';
import { limits } from '../limits.ts';

const nothing = Buffer.alloc(0);
const noFields: readonly FieldLike[] = [];
/** Beyond, a connection does not hold on to its buffer between requests. */
const keptBytes = 4 * 1024;
const expectedTimeout = 'x-envoy-expected-rq-timeout-ms';
const expectedTimeoutLine = Buffer.from(`\r\n${expectedTimeout}: `, 'latin1');

export class Replay {
  /** The body as it came, and what followed it; in HTTP/2 alone. */
  data: Buffer[] = [];
  trailers: readonly Field[] | null = null;
  /** The request is here to its end. */
  isEnded = false;
  #fields: readonly FieldLike[] = noFields;
  #bytes: Buffer = nothing;
  #length = 0;
  #keeping = false;
  readonly #mostBytes: number;

  constructor(mostBytes: number = limits.replayBytes) {
    this.#mostBytes = mostBytes;
  }

  /** True while everything that was sent of the request is here. */
  get whole(): boolean {
    return this.#keeping;
  }

  /** @param keep whether anybody could want the next request again */
  begin(keep: boolean): void {
    this.#clear();
    this.#keeping = keep;
  }

  /** Keeps what `out` is about to send. */
  add(out: Out): void {
    if (!this.#keeping) return;
    const length = this.#length + out.length;
    if (length > this.#mostBytes) {
      this.drop();
      return;
    }
    if (length > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(1024, 2 ** Math.ceil(Math.log2(length))));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    out.copyTo(this.#bytes, this.#length);
    this.#length = length;
  }

  /** A head, which the limits of heads hold small enough. */
  keepFields(fields: readonly FieldLike[]): void {
    if (this.#keeping) this.#fields = fields;
  }

  keepData(b: Buffer, { bytes, count, starts, ends }: Ranges): void {
    if (!this.#keeping) return;
    this.#length += bytes;
    if (this.#length > this.#mostBytes) this.drop();
    else for (let i = 0; i < count; i++) this.data.push(Buffer.from(b.subarray(starts[i], ends[i])));
  }

  keepEnd(trailers: readonly Field[] | null): void {
    if (!this.#keeping) return;
    this.trailers = trailers;
    this.isEnded = true;
  }

  /** Nobody will want it again. */
  drop(): void {
    this.#keeping = false;
    this.#clear();
    if (this.#bytes.length > keptBytes) this.#bytes = nothing;
  }

  /** @param expectedMs what the endpoint is told of the time it has, if it was told of any */
  writeTo(out: Out, expectedMs: number): void {
    const bytes = this.#bytes.subarray(0, this.#length);
    // a line of the head that is the proxy's alone: what clients write of this name is never sent on
    const line = bytes.indexOf(expectedTimeoutLine);
    if (line < 0 || line > bytes.indexOf('\r\n\r\n')) {
      out.all(bytes);
      return;
    }
    const value = line + expectedTimeoutLine.length;
    out.copy(bytes, 0, value);
    out.text(`${expectedMs}`);
    out.copy(bytes, bytes.indexOf('\r\n', value), bytes.length);
  }

  /** The same for HTTP/2. */
  fieldsWith(expectedMs: number): readonly FieldLike[] {
    return this.#fields.map((one) => (isExpectedTimeout(one) ? [expectedTimeout, `${expectedMs}`] : one));
  }

  #clear(): void {
    this.#length = 0;
    this.#fields = noFields;
    this.trailers = null;
    this.isEnded = false;
    if (this.data.length > 0) this.data = [];
  }
}

function isExpectedTimeout(one: FieldLike): boolean {
  return 'name' in one ? one.name === expectedTimeout : one[0] === expectedTimeout;
}
