/** The body of an answer in HTTP/1.1, by the framing that its head says (RFC 9112 section 6.3). */
import { ChunkedDecoder, type Ranges } from '../codec/h1-chunked.ts';
import type { Head } from '../codec/h1-head.ts';
import { limits } from '../limits.ts';

const framing = { length: 0, chunked: 1, untilClose: 2 } as const;

export class AnswerBody {
  #framing: number = framing.length;
  #left = 0;
  #chunked: ChunkedDecoder | null = null;

  /** It has been read to its end. */
  get done(): boolean {
    return this.#framing === framing.chunked ? this.#chunked!.done : !this.untilClose && this.#left === 0;
  }

  /** Only the end of the connection ends it. */
  get untilClose(): boolean {
    return this.#framing === framing.untilClose;
  }

  /** @param none whatever the head says, there is none */
  begin(head: Head, none: boolean): void {
    const { status } = head;
    this.#framing = framing.length;
    this.#left = 0;
    if (none || status === 204 || status === 304) return;
    if (head.chunked) {
      this.#chunked ??= new ChunkedDecoder();
      this.#chunked.reset();
      this.#framing = framing.chunked;
    } else if (head.contentLength >= 0) this.#left = head.contentLength;
    else this.#framing = framing.untilClose;
  }

  /** Adds to `data` what is body of `b[start, end)`. Returns where the body ends in it, or -1: it is malformed. */
  read(b: Buffer, start: number, end: number, data: Ranges): number {
    if (this.#framing === framing.chunked) return this.#chunked!.feed(b, start, end, data, chunkedLimits);
    const behind = this.#framing === framing.length ? Math.min(end, start + this.#left) : end;
    data.add(start, behind);
    this.#left -= behind - start;
    return behind;
  }
}

const chunkedLimits = {
  extensionBytes: limits.chunkExtensionBytes,
  trailerBytes: limits.trailerBytes,
  trailers: limits.trailers,
};
