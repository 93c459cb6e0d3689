/** The bytes of a request as they were sent, kept until its answer begins, in case that they have to be sent again. */
import type { Out } from '../codec/out.ts';
import { limits } from '../limits.ts';

const nothing = Buffer.alloc(0);
/** Beyond, a connection does not hold on to its buffer between requests. */
const keptBytes = 4 * 1024;
const expectedTimeout = Buffer.from('\r\nx-envoy-expected-rq-timeout-ms: ', 'latin1');

export class Replay {
  #bytes: Buffer = nothing;
  #length = 0;
  #keeping = false;

  /** True while everything that was sent of the request is here. */
  get whole(): boolean {
    return this.#keeping;
  }

  /** @param keep whether anybody could want the next request again */
  begin(keep: boolean): void {
    this.#length = 0;
    this.#keeping = keep;
  }

  /** Keeps what `out` is about to send. */
  add(out: Out): void {
    if (!this.#keeping) return;
    const length = this.#length + out.length;
    if (length > limits.replayBytes) {
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

  /** Nobody will want it again. */
  drop(): void {
    this.#keeping = false;
    this.#length = 0;
    if (this.#bytes.length > keptBytes) this.#bytes = nothing;
  }

  /** @param expectedMs what the endpoint is told of the time it has, if it was told of any */
  writeTo(out: Out, expectedMs: number): void {
    const bytes = this.#bytes.subarray(0, this.#length);
    // a line of the head that is the proxy's alone: what clients write of this name is never sent on
    const line = bytes.indexOf(expectedTimeout);
    if (line < 0 || line > bytes.indexOf('\r\n\r\n')) {
      out.all(bytes);
      return;
    }
    const value = line + expectedTimeout.length;
    out.copy(bytes, 0, value);
    out.text(`${expectedMs}`);
    out.copy(bytes, bytes.indexOf('\r\n', value), bytes.length);
  }
}
