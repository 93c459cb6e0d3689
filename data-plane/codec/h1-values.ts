/** Small parts of HTTP/1 heads: lengths, coding lists, tokens, versions. */
import { CR, HTAB, isToken, LF, lowerName, SP } from './h1-tables.ts';

/** `lower` must be lower-case letters, digits and `-`. */
export function equalsIgnoringCase(b: Uint8Array, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    if (lowerName[b[start + i]!] !== lower.charCodeAt(i)) return false;
  }
  return true;
}

/** Digits only, no leading zero, at most 15 of them; -1 otherwise. */
export function parseLength(b: Uint8Array, start: number, end: number): number {
  const digits = end - start;
  if (digits === 0 || digits > 15 || (digits > 1 && b[start] === 48)) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = b[i]! - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Codings that end in `chunked`, which stands there once: honest, but what comes before it is unknown here. */
export function isUnknownCoding(b: Uint8Array, start: number, end: number): boolean {
  if (!isTokenList(b, start, end)) return false;
  let times = 0;
  let last = false;
  forEachToken(b, start, end, (from, to) => {
    last = equalsIgnoringCase(b, from, to, 'chunked');
    if (last) times++;
  });
  return last && times === 1;
}

/** Tokens parted by commas, none empty. */
function isTokenList(b: Uint8Array, start: number, end: number): boolean {
  let inToken = false;
  let needsToken = true;
  for (let i = start; i < end; i++) {
    const c = b[i]!;
    if (isToken[c] === 1) {
      if (!inToken && !needsToken) return false;
      inToken = true;
      needsToken = false;
    } else if (c === 44) {
      if (needsToken) return false;
      inToken = false;
      needsToken = true;
    } else if (c === SP || c === HTAB) inToken = false;
    else return false;
  }
  return !needsToken;
}

/** Calls back for each comma-separated, trimmed, non-empty part of a value. */
export function forEachToken(
  b: Uint8Array,
  start: number,
  end: number,
  callback: (start: number, end: number) => void,
): void {
  let from = start;
  for (let i = start; i <= end; i++) {
    if (i !== end && b[i] !== 44) continue;
    let s = from;
    let e = i;
    while (s < e && (b[s] === SP || b[s] === HTAB)) s++;
    while (e > s && (b[e - 1] === SP || b[e - 1] === HTAB)) e--;
    if (e > s) callback(s, e);
    from = i + 1;
  }
}

export function isHttpSlash(b: Uint8Array, i: number): boolean {
  return b[i] === 72 && b[i + 1] === 84 && b[i + 2] === 84 && b[i + 3] === 80 && b[i + 4] === 47;
}

const versionTail = 'HTTP/1.1\r\n';

/** The bytes so far could still become `HTTP/d.d` CR LF. */
export function versionStartsWell(b: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const at = i - start;
    const c = b[i]!;
    const digit = at === 5 || at === 7;
    if (digit ? c < 48 || c > 57 : c !== versionTail.charCodeAt(at)) return false;
  }
  return true;
}

/** What follows `HTTP/` is a well-formed version. */
export function isOtherVersion(b: Uint8Array, i: number, end: number): boolean {
  const digit = (at: number): boolean => at < end && b[at]! >= 48 && b[at]! <= 57;
  return digit(i) && b[i + 1] === 46 && digit(i + 2) && b[i + 3] === CR && b[i + 4] === LF;
}
