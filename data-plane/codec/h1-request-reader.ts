/** HTTP/1.1 requests out of a stream of bytes, as events. No policy: limits are handed in, faults are named. */
import { ChunkedDecoder, type ChunkedLimits, Ranges } from './h1-chunked.ts';
import { Head, type Parsed, parsed, parseRequestHead } from './h1-head.ts';
import { HeadBuffer } from './head-buffer.ts';

export interface RequestLimits extends ChunkedLimits {
  readonly requestLineBytes: number;
  readonly headerBytes: number;
  readonly headers: number;
}

export type RequestFault = 'malformed' | 'malformed-body' | 'line-too-long' | 'head-too-large' | 'version' | 'coding';

/** All within a call of `read` or `nextRequest`; heads, buffers and ranges are valid during the call only. */
export interface RequestEvents {
  /** The first bytes of a head came, not all of it. */
  onHeadBegun(): void;
  /** `bodyFollows`: body or end events come. Otherwise the request ends with its head (no `onRequestEnd`). */
  onHead(head: Head, bodyFollows: boolean): void;
  onBody(b: Buffer, data: Ranges): void;
  onRequestEnd(): void;
  /** Nothing more is read. */
  onFault(fault: RequestFault): void;
}

const reading = { head: 0, length: 1, chunked: 2, complete: 3, closed: 4, tunnel: 5 } as const;

const head = new Head();
const ranges = new Ranges();

export class H1RequestReader {
  readonly #events: RequestEvents;
  #limits: RequestLimits;
  #state: number = reading.head;
  #left = 0;
  #chunked: ChunkedDecoder | null = null;
  #pieces: HeadBuffer | null = null;
  #pending: Buffer | null = null;

  constructor(events: RequestEvents, limits: RequestLimits) {
    this.#events = events;
    this.#limits = limits;
  }

  /** No byte of a request is there. */
  get idle(): boolean {
    return this.#state === reading.head && this.#pieces === null;
  }

  /** Between the first byte and the end of a head. */
  get inHead(): boolean {
    return this.#state === reading.head && this.#pieces !== null;
  }

  /** The request at hand is read to its end. */
  get complete(): boolean {
    return this.#state === reading.complete;
  }

  get closed(): boolean {
    return this.#state === reading.closed;
  }

  /** Bytes of the next request wait here: don't read more. */
  get hasPending(): boolean {
    return this.#pending !== null;
  }

  read(b: Buffer, from: number, end: number): void {
    let start = from;
    while (start < end) {
      switch (this.#state) {
        case reading.head:
          start = this.#readHead(b, start, end);
          break;
        case reading.complete:
          this.#pending = Buffer.from(b.subarray(start, end));
          return;
        case reading.closed:
          return;
        case reading.tunnel:
          ranges.clear();
          ranges.add(start, end);
          this.#events.onBody(b, ranges);
          return;
        default:
          start = this.#readBody(b, start, end);
      }
    }
  }

  /** The request at hand was answered: goes on with the next one, whose bytes may be here already. */
  nextRequest(limits: RequestLimits): void {
    this.#limits = limits;
    this.#state = reading.head;
    const pending = this.#pending;
    if (pending === null) return;
    this.#pending = null;
    this.read(pending, 0, pending.length);
  }

  /** Whatever comes behind the head at hand, which has no body, is body without an end. To be called within `onHead`. */
  beginTunnel(): void {
    this.#state = reading.tunnel;
  }

  /** Nothing more comes. */
  endTunnel(): void {
    this.#state = reading.complete;
  }

  /** Whatever still comes is thrown away. */
  close(): void {
    this.#state = reading.closed;
    this.#pieces = null;
    this.#pending = null;
  }

  /** Returns how far it read. */
  #readHead(read: Buffer, from: number, to: number): number {
    const limits = this.#limits;
    const pieces = this.#pieces;
    let b = read;
    let start = from;
    let end = to;
    if (pieces !== null) {
      const lineEnded = pieces.append(read, from, to);
      b = pieces.bytes;
      start = 0;
      end = pieces.length;
      // parsing again tells something new only behind another line end
      if (!lineEnded) {
        const fault = this.#tooLarge(b, start, end);
        if (fault !== null) this.#fault(fault);
        return to;
      }
    }
    const result = parseRequestHead(head, b, start, end, limits.headers);
    if (result === parsed.more) {
      const fault = this.#tooLarge(b, start, end);
      if (fault !== null) this.#fault(fault);
      else if (pieces === null) {
        this.#pieces = new HeadBuffer();
        this.#pieces.append(b, start, end);
        this.#events.onHeadBegun();
      }
      return to;
    }
    this.#pieces = null;
    const fault =
      result !== parsed.ok
        ? faultOf(result)
        : head.targetEnd - head.methodStart > limits.requestLineBytes
          ? 'line-too-long'
          : head.end - start > limits.headerBytes
            ? 'head-too-large'
            : null;
    if (fault !== null) {
      this.#fault(fault);
      return to;
    }
    const bodyStart = head.end;
    this.#begin();
    if (pieces === null) return bodyStart;
    // what lies behind the head lies in the pieces
    this.read(b, bodyStart, end);
    return to;
  }

  #begin(): void {
    if (head.chunked) {
      this.#chunked ??= new ChunkedDecoder();
      this.#chunked.reset();
      this.#state = reading.chunked;
    } else if (head.contentLength > 0) {
      this.#left = head.contentLength;
      this.#state = reading.length;
    } else this.#state = reading.complete;
    this.#events.onHead(head, this.#state !== reading.complete);
  }

  #readBody(b: Buffer, start: number, end: number): number {
    ranges.clear();
    let behind: number;
    if (this.#state === reading.chunked) {
      behind = this.#chunked!.feed(b, start, end, ranges, this.#limits);
      if (behind < 0) {
        this.#fault('malformed-body');
        return end;
      }
      if (this.#chunked!.done) this.#state = reading.complete;
    } else {
      behind = Math.min(end, start + this.#left);
      ranges.add(start, behind);
      this.#left -= behind - start;
      if (this.#left === 0) this.#state = reading.complete;
    }
    const complete = this.#state === reading.complete;
    if (ranges.bytes > 0) this.#events.onBody(b, ranges);
    if (complete && this.#state === reading.complete) this.#events.onRequestEnd();
    return behind;
  }

  #tooLarge(b: Buffer, start: number, end: number): RequestFault | null {
    const { headerBytes, requestLineBytes } = this.#limits;
    if (end - start > headerBytes) return 'head-too-large';
    if (end - start <= requestLineBytes) return null;
    const lineEnd = b.indexOf(10, start + 2);
    return lineEnd < 0 || lineEnd >= end ? 'line-too-long' : null;
  }

  #fault(fault: RequestFault): void {
    this.close();
    this.#events.onFault(fault);
  }
}

function faultOf(result: Parsed): RequestFault {
  switch (result) {
    case parsed.tooManyHeaders:
      return 'head-too-large';
    case parsed.badVersion:
      return 'version';
    case parsed.unsupportedCoding:
      return 'coding';
    default:
      return 'malformed';
  }
}
