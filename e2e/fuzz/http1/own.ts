/** Our parser's story of a stream of bytes: requests by the reader that the listener has, a response by the codec's parts. */
import { ChunkedDecoder, Ranges } from '../../../data-plane/codec/h1-chunked.ts';
import { Head, parsed, parseResponseHead } from '../../../data-plane/codec/h1-head.ts';
import { H1RequestReader } from '../../../data-plane/codec/h1-request-reader.ts';
import { HeadBuffer } from '../../../data-plane/codec/head-buffer.ts';
import type { Message, Told } from './told.ts';

export const limits = {
  requestLineBytes: 8 * 1024,
  headerBytes: 60 * 1024,
  headers: 100,
  extensionBytes: 16 * 1024,
  trailerBytes: 8 * 1024,
  trailers: 20,
};

// as in the proxy: one for all connections, filled and read within a call
const head = new Head();
const ranges = new Ranges();

type Open = { -readonly [K in keyof Message]: Message[K] };

/** Reads pieces of a stream, as the listener would if each request were answered at once. */
export class RequestStory {
  readonly messages: Open[] = [];
  refusal: string | undefined = undefined;
  readonly reader: H1RequestReader;
  /** What follows the request at hand is no request, or may be none: that is the answer's to say. */
  #isLast = false;

  constructor() {
    this.reader = new H1RequestReader(
      {
        onHeadBegun: () => {},
        onHead: (head, bodyFollows) => {
          const b = head.bytes;
          const method = b.latin1Slice(head.methodStart, head.methodEnd);
          const target = b.latin1Slice(head.targetStart, head.targetEnd);
          const isTunnel = method === 'CONNECT';
          this.messages.push({
            start: `${method} ${target} HTTP/1.${head.minor}`,
            fields: fieldsOf(head),
            body: '',
            isWhole: !bodyFollows || isTunnel,
            keepAlive: isTunnel ? undefined : keepsAlive(head),
          });
          this.#isLast = isTunnel || head.upgrade >= 0 || !keepsAlive(head);
          if (isTunnel) this.reader.close();
        },
        onBody: (b, data) => {
          this.messages.at(-1)!.body += textOf(b, data);
        },
        onRequestEnd: () => {
          this.messages.at(-1)!.isWhole = true;
        },
        onFault: (fault) => {
          this.refusal = fault;
        },
      },
      limits,
    );
  }

  read(piece: Buffer): void {
    const { reader } = this;
    // heads are lower-cased where they stand
    const bytes = Buffer.from(piece);
    reader.read(bytes, 0, bytes.length);
    while (reader.complete) {
      if (this.#isLast) reader.close();
      else reader.nextRequest(limits);
    }
  }

  end(): void {}

  get told(): Told {
    const { messages, refusal, reader } = this;
    return { messages, refusal, waits: !reader.idle && !reader.closed };
  }
}

const reading = { head: 0, length: 1, chunked: 2, untilClose: 3, done: 4 } as const;

/** Reads pieces of the answer to one request, framed by RFC 9112 section 6.3. */
export class ResponseStory {
  readonly messages: Open[] = [];
  refusal: string | undefined = undefined;
  readonly #answersHead: boolean;
  readonly #chunked = new ChunkedDecoder();
  readonly #pieces = new HeadBuffer();
  #state: number = reading.head;
  #left = 0;

  /** @param answersHead the answer to HEAD has no body */
  constructor(answersHead: boolean) {
    this.#answersHead = answersHead;
  }

  read(piece: Buffer): void {
    if (this.#state !== reading.head) {
      if (this.refusal === undefined) this.#readBody(piece, 0);
      return;
    }
    this.#pieces.append(piece, 0, piece.length);
    const { bytes, length } = this.#pieces;
    for (let start = 0; this.#state === reading.head; ) {
      const result = parseResponseHead(head, bytes, start, length, limits.headers);
      if (result === parsed.more) {
        const rest = Buffer.from(bytes.subarray(start, length));
        this.#pieces.clear();
        this.#pieces.append(rest, 0, rest.length);
        return;
      }
      if (result !== parsed.ok) this.#refuse(`head ${result}`);
      else this.#begin();
      start = head.end;
      if (this.#state !== reading.head && this.refusal === undefined) this.#readBody(bytes.subarray(0, length), start);
    }
  }

  /** The other side has ended the connection. */
  end(): void {
    if (this.#state !== reading.untilClose) return;
    this.messages.at(-1)!.isWhole = true;
    this.#state = reading.done;
  }

  get told(): Told {
    return { messages: this.messages, refusal: this.refusal, waits: this.#state !== reading.done };
  }

  #begin(): void {
    const { status } = head;
    if (status === 101) {
      this.#refuse('an upgrade that nobody asked for');
      return;
    }
    const isInformational = status < 200;
    const hasNone = this.#answersHead || isInformational || status === 204 || status === 304;
    const isEmpty = hasNone || head.contentLength === 0;
    const isUntilClose = !isEmpty && !head.chunked && head.contentLength < 0;
    this.messages.push({
      start: `HTTP/1.${head.minor} ${status}`,
      fields: fieldsOf(head),
      body: '',
      isWhole: isEmpty,
      keepAlive: isInformational ? undefined : keepsAlive(head) && !isUntilClose,
    });
    if (isInformational) return;
    this.#left = head.contentLength;
    this.#state = isEmpty
      ? reading.done
      : head.chunked
        ? reading.chunked
        : isUntilClose
          ? reading.untilClose
          : reading.length;
  }

  #readBody(b: Buffer, start: number): void {
    const message = this.messages.at(-1)!;
    let behind = start;
    ranges.clear();
    if (this.#state === reading.chunked) {
      behind = this.#chunked.feed(b, start, b.length, ranges, limits);
      if (behind < 0) {
        this.#refuse('malformed-body');
        return;
      }
      if (this.#chunked.done) this.#state = reading.done;
    } else if (this.#state === reading.length) {
      behind = Math.min(b.length, start + this.#left);
      if (behind > start) ranges.add(start, behind);
      this.#left -= behind - start;
      if (this.#left === 0) this.#state = reading.done;
    } else if (this.#state === reading.untilClose) {
      behind = b.length;
      if (behind > start) ranges.add(start, behind);
    }
    message.body += textOf(b, ranges);
    if (this.#state !== reading.done) return;
    message.isWhole = true;
    // bytes that nobody asked for: the connection is not used again, whatever the head said
    if (behind < b.length) message.keepAlive = undefined;
  }

  #refuse(why: string): void {
    this.refusal = why;
    this.#state = reading.done;
  }
}

function keepsAlive(head: Head): boolean {
  return head.minor === 1 ? !head.close : head.keepAlive && !head.close;
}

function fieldsOf(head: Head): string[] {
  return Array.from({ length: head.count }, (_, i) => {
    return `${head.bytes.latin1Slice(head.nameStart[i]!, head.nameEnd[i]!)}: ${head.value(i)}`;
  });
}

function textOf(b: Buffer, data: Ranges): string {
  let text = '';
  for (let i = 0; i < data.count; i++) text += b.latin1Slice(data.starts[i]!, data.ends[i]!);
  return text;
}
