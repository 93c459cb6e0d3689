/** The chunked coding, decoded strictly: data comes out as ranges of the buffer, extensions and trailers are dropped. */
import { CR, hexValue, isToken, isValue, LF, SEMICOLON } from './h1-tables.ts';

/** Ranges of data inside one buffer, and how many bytes they hold. Reused. */
export class Ranges {
  count = 0;
  bytes = 0;
  starts: Int32Array<ArrayBuffer> = new Int32Array(64);
  ends: Int32Array<ArrayBuffer> = new Int32Array(64);

  clear(): void {
    this.count = 0;
    this.bytes = 0;
  }

  add(start: number, end: number): void {
    if (this.count === this.starts.length) {
      this.starts = grown(this.starts);
      this.ends = grown(this.ends);
    }
    this.starts[this.count] = start;
    this.ends[this.count++] = end;
    this.bytes += end - start;
  }
}

function grown(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}

/** Bounds of what a message may carry besides its data (reliability.md, appendix A). */
export interface ChunkedLimits {
  readonly extensionBytes: number;
  readonly trailerBytes: number;
  readonly trailers: number;
}

const state = {
  size: 0,
  extensionName: 1,
  extensionNameFirst: 2,
  extensionValueFirst: 3,
  extensionValue: 4,
  quoted: 5,
  quotedEscape: 6,
  afterQuoted: 7,
  sizeLf: 8,
  data: 9,
  dataCr: 10,
  dataLf: 11,
  trailerFirst: 12,
  trailerName: 13,
  trailerValue: 14,
  trailerLf: 15,
  endLf: 16,
} as const;

/** 13 hexadecimal digits stay below 2^53; more is no honest size. */
const maxSizeDigits = 13;

export class ChunkedDecoder {
  /** The end of the message was read. */
  done = false;
  #state: number = state.size;
  #digits = 0;
  #left = 0;
  #extensionBytes = 0;
  #trailerBytes = 0;
  #trailers = 0;

  reset(): void {
    this.done = false;
    this.#state = state.size;
    this.#digits = 0;
    this.#left = 0;
    this.#extensionBytes = 0;
    this.#trailerBytes = 0;
    this.#trailers = 0;
  }

  /**
   * Reads `b[start, end)` until the message ends; adds its data to `out`. Returns the index behind what was read, or -1
   * for a malformed or oversized message.
   */
  feed(b: Uint8Array, start: number, end: number, out: Ranges, limits: ChunkedLimits): number {
    let i = start;
    while (i < end) {
      const c = b[i]!;
      switch (this.#state) {
        case state.size: {
          const digit = hexValue[c]!;
          if (digit !== 255) {
            if (++this.#digits > maxSizeDigits) return -1;
            this.#left = this.#left * 16 + digit;
          } else if (this.#digits === 0) return -1;
          else if (c === CR) this.#state = state.sizeLf;
          else if (c === SEMICOLON) this.#state = state.extensionNameFirst;
          else return -1;
          i++;
          break;
        }
        case state.sizeLf:
          if (c !== LF) return -1;
          this.#digits = 0;
          this.#state = this.#left === 0 ? state.trailerFirst : state.data;
          i++;
          break;
        case state.data: {
          const length = Math.min(end - i, this.#left);
          out.add(i, i + length);
          i += length;
          this.#left -= length;
          if (this.#left === 0) this.#state = state.dataCr;
          break;
        }
        case state.dataCr:
          if (c !== CR) return -1;
          this.#state = state.dataLf;
          i++;
          break;
        case state.dataLf:
          if (c !== LF) return -1;
          this.#state = state.size;
          i++;
          break;
        case state.endLf:
          if (c !== LF) return -1;
          this.done = true;
          return i + 1;
        default:
          if (!(this.#state >= state.trailerFirst ? this.#trailer(c, limits) : this.#extension(c, limits))) return -1;
          i++;
      }
    }
    return i;
  }

  #extension(c: number, limits: ChunkedLimits): boolean {
    if (++this.#extensionBytes > limits.extensionBytes) return false;
    switch (this.#state) {
      case state.extensionNameFirst:
        this.#state = state.extensionName;
        return isToken[c] === 1;
      case state.extensionName:
        if (isToken[c] === 1) return true;
        if (c === 61) {
          this.#state = state.extensionValueFirst;
          return true;
        }
        return this.#afterExtension(c);
      case state.extensionValueFirst:
        this.#state = c === 34 ? state.quoted : state.extensionValue;
        return c === 34 || isToken[c] === 1;
      case state.extensionValue:
        return isToken[c] === 1 || this.#afterExtension(c);
      case state.quoted:
        if (c === 34) this.#state = state.afterQuoted;
        else if (c === 92) this.#state = state.quotedEscape;
        return isValue[c] === 1;
      case state.quotedEscape:
        this.#state = state.quoted;
        return isValue[c] === 1;
      default:
        return this.#afterExtension(c);
    }
  }

  #afterExtension(c: number): boolean {
    this.#state = c === CR ? state.sizeLf : state.extensionNameFirst;
    return c === CR || c === SEMICOLON;
  }

  #trailer(c: number, limits: ChunkedLimits): boolean {
    if (++this.#trailerBytes > limits.trailerBytes) return false;
    switch (this.#state) {
      case state.trailerFirst:
        if (c === CR) {
          this.#state = state.endLf;
          return true;
        }
        this.#state = state.trailerName;
        return ++this.#trailers <= limits.trailers && isToken[c] === 1;
      case state.trailerName:
        if (c === 58) {
          this.#state = state.trailerValue;
          return true;
        }
        return isToken[c] === 1;
      case state.trailerValue:
        if (c === CR) {
          this.#state = state.trailerLf;
          return true;
        }
        return isValue[c] === 1;
      default:
        this.#state = state.trailerFirst;
        return c === LF;
    }
  }
}
