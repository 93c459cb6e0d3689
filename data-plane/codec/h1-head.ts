/**
 * HTTP/1 message heads: one pass over the bytes, positions instead of objects, stricter than llhttp. Header names are
 * lower-cased in place. What is malformed or ambiguous is refused here; what to do with a well-formed head is not
 * decided here.
 */
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
import type { Head } from './head.ts';
import { occursBefore } from './joined-headers.ts';
import { kindAt, known } from './known-headers.ts';

export { Head, maxHeaders } from './head.ts';

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
  const result = parseHeaders(head, b, i + 2, end, headerLimit);
  head.repeats = false;
  return result;
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
  head.date = -1;
  head.repeats = false;
  let unsupportedCoding = false;
  let kinds = 0;
  /** A bit for each name so far; different names may share it. */
  let seen = 0;
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
      head.kinds = kinds;
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
    const bit = 1 << ((nameEnd - nameStart + b[nameStart]! * 7 + b[nameEnd - 1]! * 13) & 31);
    if ((seen & bit) !== 0 && !head.repeats) head.repeats = occursBefore(head, b, n);
    seen |= bit;
    const kind = kindAt(b, nameStart, nameEnd - nameStart);
    head.kind[n] = kind;
    kinds |= 1 << kind;
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
        readConnection(head, b, valueStart, valueEnd);
        break;
      case known.expect:
        if (head.expect >= 0) return parsed.bad;
        head.expect = n;
        break;
      case known.upgrade:
        head.upgrade = n;
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
