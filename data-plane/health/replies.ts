/** What an endpoint answers to a health check, read chunk by chunk. Pure. */

/** `malformed`: no valid answer of this protocol. */
export type Verdict = 'more' | 'pass' | 'fail' | 'malformed';

export interface ReplyReader {
  read(chunk: Buffer): Verdict;
}

/** Passes once each block was seen, in order, with anything in between. Holds no more than one block. */
export class BlocksReader implements ReplyReader {
  readonly #blocks: readonly Uint8Array[];
  #found = 0;
  #kept: Buffer = Buffer.alloc(0);

  constructor(blocks: readonly Uint8Array[]) {
    this.#blocks = blocks;
  }

  read(chunk: Buffer): Verdict {
    let bytes = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk]);
    for (;;) {
      const block = this.#blocks[this.#found];
      if (block === undefined) return 'pass';
      const at = bytes.indexOf(block);
      if (at < 0) {
        this.#kept = Buffer.from(bytes.subarray(Math.max(0, bytes.length - block.length + 1)));
        return 'more';
      }
      bytes = bytes.subarray(at + block.length);
      this.#found++;
    }
  }
}

/** Heads of informational answers and of the final one together, bytes. */
const maxHeadBytes = 16 * 1024;
const statusLine = /^HTTP\/1\.[01] ([1-5][0-9][0-9])(?: [^\0\r\n]*)?$/;
const headerLine = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\0\r\n]*$/;

/** Passes by the status of an HTTP/1.x answer; its body does not matter. */
export class StatusReader implements ReplyReader {
  readonly #expect: readonly { readonly start: number; readonly end: number }[];
  #text = '';
  #headBytes = 0;

  constructor(expect: readonly { readonly start: number; readonly end: number }[]) {
    this.#expect = expect;
  }

  read(chunk: Buffer): Verdict {
    this.#text += chunk.toString('latin1');
    for (;;) {
      const end = this.#text.indexOf('\r\n\r\n');
      if (this.#headBytes + (end < 0 ? this.#text.length : end) > maxHeadBytes) return 'malformed';
      if (end < 0) return 'more';
      const status = statusOf(this.#text.slice(0, end));
      if (status === undefined || status === 101) return 'malformed';
      if (status >= 200)
        return this.#expect.some(({ start, end }) => status >= start && status < end) ? 'pass' : 'fail';
      this.#text = this.#text.slice(end + 4);
      this.#headBytes += end + 4;
    }
  }
}

function statusOf(head: string): number | undefined {
  const [first, ...rest] = head.split('\r\n');
  const match = statusLine.exec(first!);
  return match !== null && rest.every((line) => headerLine.test(line)) ? Number(match[1]) : undefined;
}
