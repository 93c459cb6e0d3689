/**
 * HTTP/1 message heads: one pass over the bytes, positions instead of objects, stricter than llhttp. Header names are
 * lower-cased in place. What is malformed or ambiguous is refused here; what to do with a well-formed head is not
 * decided here.
 */
import type { FieldLike } from '../../proto/http2/field.ts';
import { COLON, CR, HTAB, isToken, isValue, LF, lowerName, pathByte, pathSlow, queryByte, SP } from './h1-tables.ts';
import {
  equalsIgnoringCase,
  forEachToken,
  isHttpSlash,
  isOtherVersion,
  isUnknownCoding,
  parseLength,
  versionStartsWell,
} from './h1-values.ts';
import { type Drops, kindAt, known, startsWith } from './known-headers.ts';
import { fieldOfLine } from './line-fields.ts';
import type { MessageHead } from './message-head.ts';
import type { Out } from './out.ts';

/** What a parse says: `ok`, `more` bytes are needed, or the fault. */
export const parsed = {
  ok: 1,
  more: 0,
  bad: -1,
  tooManyHeaders: -2,
  badVersion: -3,
  unsupportedCoding: -4,
} as const;
export type Parsed = (typeof parsed)[keyof typeof parsed];

/** No head may hold more; a limit above is capped to it. */
export const maxHeaders = 1000;

const nothing = Buffer.alloc(0);

/** A parsed head: positions into the buffer that was parsed. One object is reused for many heads. */
export class Head implements MessageHead {
  /** What was parsed; the positions are meant in it. */
  bytes: Buffer = nothing;
  /** Index behind the blank line. */
  end = 0;
  /** HTTP/1.x: the x. */
  minor = 1;

  /** Request line. `queryStart`: index of `?`, or `targetEnd`. */
  methodStart = 0;
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  queryStart = 0;
  /** The path holds `%` or bytes that must be escaped. */
  pathNeedsCare = false;

  /** Status line. */
  status = 0;

  /** Header fields, in order of arrival. Values are trimmed. */
  count = 0;
  readonly nameStart = new Int32Array(maxHeaders + 1);
  readonly nameEnd = new Int32Array(maxHeaders);
  readonly valueStart = new Int32Array(maxHeaders);
  readonly valueEnd = new Int32Array(maxHeaders);
  /** From {@link known}. */
  readonly kind = new Uint8Array(maxHeaders);
  /** 1: not written as `name: value` to the letter (white space), so it can't be copied as it is. */
  readonly odd = new Uint8Array(maxHeaders);
  /** A name with `_` is there. */
  underscore = false;

  /** -1: none. */
  contentLength = -1;
  chunked = false;
  /** `Connection` says close, or keep-alive. */
  close = false;
  keepAlive = false;
  /** `Connection` lists upgrade. */
  namesUpgrade = false;
  /** It lists something else than close, keep-alive, te, upgrade and http2-settings. */
  namesOthers = false;
  /** Index of the header, or -1. */
  host = -1;
  expect = -1;
  upgrade = -1;
  connection = -1;
  xForwardedFor = -1;
  date = -1;

  get hasDate(): boolean {
    return this.date >= 0;
  }

  /** Index of the first header with this lower-case name from `from` on, or -1. */
  find(name: string, from = 0): number {
    for (let i = from; i < this.count; i++) {
      const start = this.nameStart[i]!;
      if (this.nameEnd[i]! - start === name.length && startsWith(this.bytes, start, name)) return i;
    }
    return -1;
  }

  /** Value of header `i`, byte for byte. */
  value(i: number): string {
    return this.bytes.latin1Slice(this.valueStart[i]!, this.valueEnd[i]!);
  }

  first(name: string): string {
    const i = this.find(name);
    return i < 0 ? '' : this.value(i);
  }

  lines(name: string): readonly string[] {
    const lines: string[] = [];
    for (let i = this.find(name); i >= 0; i = this.find(name, i + 1)) lines.push(this.value(i));
    return lines;
  }

  /** Runs of lines that pass are copied at once. */
  writeLines(out: Out, withRequestLine: boolean, drops: Drops, named: ReadonlySet<string> | null): void {
    const b = this.bytes;
    let run = withRequestLine ? this.methodStart : this.nameStart[0]!;
    for (let i = 0; i < this.count; i++) {
      const passes = this.#passes(i, drops, named);
      if (passes && this.odd[i] === 0) continue;
      const start = this.nameStart[i]!;
      if (run < start) out.copy(b, run, start);
      run = this.nameStart[i + 1]!;
      if (!passes) continue;
      out.copy(b, start, this.nameEnd[i]!);
      out.text(': ');
      out.copy(b, this.valueStart[i]!, this.valueEnd[i]!);
      out.text('\r\n');
    }
    const last = this.nameStart[this.count]!;
    if (run < last) out.copy(b, run, last);
  }

  pathField(path: string): FieldLike {
    return [':path', path];
  }

  addFields(to: FieldLike[], drops: Drops, named: ReadonlySet<string> | null): void {
    for (let i = 0; i < this.count; i++) {
      if (!this.#passes(i, drops, named)) continue;
      to.push(fieldOfLine(this.bytes, this.nameStart[i]!, this.nameEnd[i]!, this.valueStart[i]!, this.valueEnd[i]!));
    }
  }

  #passes(i: number, drops: Drops, named: ReadonlySet<string> | null): boolean {
    if (drops[this.kind[i]!] === 1) return false;
    return named === null || !named.has(this.bytes.latin1Slice(this.nameStart[i]!, this.nameEnd[i]!));
  }
}

/** Parses a request head in `b[start, end)`; positions go to `head`. At most one leading empty line is skipped. */
export function parseRequestHead(head: Head, b: Buffer, start: number, end: number, headerLimit: number): Parsed {
  let i = start;
  if (i < end && b[i] === CR) {
    if (i + 1 >= end) return parsed.more;
    if (b[i + 1] !== LF) return parsed.bad;
    i += 2;
  }
  head.methodStart = i;
  while (i < end && isToken[b[i]!] === 1) i++;
  if (i >= end) return parsed.more;
  if (b[i] !== SP || i === head.methodStart) return parsed.bad;
  head.methodEnd = i++;
  head.targetStart = i;
  let seen = 0;
  for (let kind = 0; i < end && (kind = pathByte[b[i]!]!) !== 0; i++) seen |= kind;
  if (i >= end) return parsed.more;
  head.queryStart = i;
  if (b[i] === 63) {
    i++;
    while (i < end && queryByte[b[i]!] === 1) i++;
    if (i >= end) return parsed.more;
  }
  if (b[i] !== SP || i === head.targetStart) return parsed.bad;
  head.targetEnd = i++;
  head.pathNeedsCare = (seen & pathSlow) !== 0;
  if (i + 10 > end) return versionStartsWell(b, i, end) ? parsed.more : parsed.bad;
  if (!isHttpSlash(b, i)) return parsed.bad;
  if (b[i + 5] !== 49 || b[i + 6] !== 46 || b[i + 8] !== CR || b[i + 9] !== LF) {
    return isOtherVersion(b, i + 5, end) ? parsed.badVersion : parsed.bad;
  }
  const minor = b[i + 7]! - 48;
  if (minor !== 0 && minor !== 1) return minor > 1 && minor <= 9 ? parsed.badVersion : parsed.bad;
  head.minor = minor;
  return parseHeaders(head, b, i + 10, end, headerLimit);
}

/** Parses a response head in `b[start, end)`; the reason phrase is skipped. */
export function parseResponseHead(head: Head, b: Buffer, start: number, end: number, headerLimit: number): Parsed {
  let i = start;
  if (i + 13 > end) return end - i < 5 || isHttpSlash(b, i) ? parsed.more : parsed.bad;
  if (!isHttpSlash(b, i) || b[i + 5] !== 49 || b[i + 6] !== 46 || b[i + 8] !== SP) return parsed.bad;
  const minor = b[i + 7]! - 48;
  if (minor !== 0 && minor !== 1) return parsed.bad;
  head.minor = minor;
  const hundreds = b[i + 9]! - 48;
  const tens = b[i + 10]! - 48;
  const ones = b[i + 11]! - 48;
  if (hundreds < 1 || hundreds > 9 || tens < 0 || tens > 9 || ones < 0 || ones > 9) return parsed.bad;
  head.status = hundreds * 100 + tens * 10 + ones;
  i += 12;
  if (b[i] !== SP && b[i] !== CR) return parsed.bad;
  while (i < end && isValue[b[i]!] === 1) i++;
  if (i + 1 >= end) return i >= end || b[i] === CR ? parsed.more : parsed.bad;
  if (b[i] !== CR || b[i + 1] !== LF) return parsed.bad;
  return parseHeaders(head, b, i + 2, end, headerLimit);
}

function parseHeaders(head: Head, b: Buffer, start: number, end: number, headerLimit: number): Parsed {
  head.bytes = b;
  head.contentLength = -1;
  head.chunked = false;
  head.close = false;
  head.keepAlive = false;
  head.namesUpgrade = false;
  head.namesOthers = false;
  head.underscore = false;
  head.host = -1;
  head.expect = -1;
  head.upgrade = -1;
  head.connection = -1;
  head.xForwardedFor = -1;
  head.date = -1;
  let unsupportedCoding = false;
  let n = 0;
  let i = start;
  for (;;) {
    if (i >= end) return parsed.more;
    let c = b[i]!;
    if (c === CR) {
      if (i + 1 >= end) return parsed.more;
      if (b[i + 1] !== LF) return parsed.bad;
      head.nameStart[n] = i;
      head.end = i + 2;
      head.count = n;
      break;
    }
    if (n === headerLimit) return parsed.tooManyHeaders;
    const nameStart = i;
    for (;;) {
      const lower = lowerName[c]!;
      if (lower === 0) {
        if (c !== 95) break;
        head.underscore = true;
      } else if (lower !== c) b[i] = lower;
      if (++i >= end) return parsed.more;
      c = b[i]!;
    }
    if (c !== COLON || i === nameStart) return parsed.bad;
    const nameEnd = i++;
    while (i < end && (b[i] === SP || b[i] === HTAB)) i++;
    const valueStart = i;
    while (i < end && isValue[b[i]!] === 1) i++;
    if (i + 1 >= end) return i >= end || b[i] === CR ? parsed.more : parsed.bad;
    if (b[i] !== CR || b[i + 1] !== LF) return parsed.bad;
    let valueEnd = i;
    while (valueEnd > valueStart && (b[valueEnd - 1] === SP || b[valueEnd - 1] === HTAB)) valueEnd--;
    head.nameStart[n] = nameStart;
    head.nameEnd[n] = nameEnd;
    head.valueStart[n] = valueStart;
    head.valueEnd[n] = valueEnd;
    head.odd[n] = valueEnd !== i || valueStart !== nameEnd + 2 || b[nameEnd + 1] !== SP ? 1 : 0;
    const kind = kindAt(b, nameStart, nameEnd - nameStart);
    head.kind[n] = kind;
    i += 2;
    switch (kind) {
      case known.host:
        if (head.host >= 0) return parsed.bad;
        head.host = n;
        break;
      case known.contentLength: {
        const length = parseLength(b, valueStart, valueEnd);
        if (length < 0 || head.contentLength >= 0) return parsed.bad;
        head.contentLength = length;
        break;
      }
      case known.transferEncoding: {
        if (head.chunked || unsupportedCoding) return parsed.bad;
        if (equalsIgnoringCase(b, valueStart, valueEnd, 'chunked')) head.chunked = true;
        else if (isUnknownCoding(b, valueStart, valueEnd)) unsupportedCoding = true;
        else return parsed.bad;
        break;
      }
      case known.connection:
        head.connection = n;
        readConnection(head, b, valueStart, valueEnd);
        break;
      case known.expect:
        if (head.expect >= 0) return parsed.bad;
        head.expect = n;
        break;
      case known.upgrade:
        head.upgrade = n;
        break;
      case known.xForwardedFor:
        head.xForwardedFor = n;
        break;
      case known.date:
        head.date = n;
        break;
    }
    n++;
  }
  if ((head.chunked || unsupportedCoding) && (head.contentLength >= 0 || head.minor === 0)) return parsed.bad;
  return unsupportedCoding ? parsed.unsupportedCoding : parsed.ok;
}

/** Notes close, keep-alive and upgrade; says whether anything is named that the proxy does not drop anyway. */
function readConnection(head: Head, b: Uint8Array, start: number, end: number): void {
  if (equalsIgnoringCase(b, start, end, 'keep-alive')) {
    head.keepAlive = true;
    return;
  }
  forEachToken(b, start, end, (from, to) => {
    if (equalsIgnoringCase(b, from, to, 'close')) head.close = true;
    else if (equalsIgnoringCase(b, from, to, 'keep-alive')) head.keepAlive = true;
    else if (equalsIgnoringCase(b, from, to, 'upgrade')) head.namesUpgrade = true;
    else if (!equalsIgnoringCase(b, from, to, 'te') && !equalsIgnoringCase(b, from, to, 'http2-settings')) {
      head.namesOthers = true;
    }
  });
}
