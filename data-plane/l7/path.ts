/** Path normalisation as Envoy's edge does it, and stricter where an escape is malformed. */
import { hexValue, pathByte, queryByte } from '../codec/h1-tables.ts';

export interface PathOptions {
  readonly normalize: boolean;
  readonly mergeSlashes: boolean;
  readonly escapedSlashes: 'keep' | 'reject' | 'redirect' | 'unescape';
}

export type NormalizedPath =
  | {
      readonly ok: true;
      readonly path: string /** The client is sent to `path` instead. */;
      readonly redirect: boolean;
    }
  | { readonly ok: false };

/** Bytes that `%XX` is written as itself for (RFC 3986 unreserved). */
const unreserved = /^[A-Za-z0-9\-._~]$/;

/** `/..%3b` and the like: whoever decodes it once more has dots with parameters. */
const dotsWithEscape = /\/\.{1,2}%3b/i;

/** True if {@link normalizePath} could change or refuse this path; the common one passes without it. */
export function needsNormalizing(path: string, pathNeedsCare: boolean, options: PathOptions): boolean {
  return pathNeedsCare || (options.mergeSlashes && path.includes('//')) || (options.normalize && path.includes('/.'));
}

/** @param path without query, starting with `/` */
export function normalizePath(path: string, options: PathOptions): NormalizedPath {
  const decoded = decodeEscapes(path, options);
  if (decoded === undefined) return { ok: false };
  let result = decoded.path;
  if (options.normalize && dotsWithEscape.test(result)) return { ok: false };
  if (options.normalize) result = removeDotSegments(result);
  // as in Envoy, of slashes alone two stay
  if (options.mergeSlashes) result = /^\/{2,}$/.test(result) ? '//' : result.replace(/\/{2,}/g, '/');
  return { ok: true, path: result, redirect: decoded.unescapedSlash && options.escapedSlashes === 'redirect' };
}

/** Undefined: refused. */
function decodeEscapes(path: string, options: PathOptions): { path: string; unescapedSlash: boolean } | undefined {
  let result = '';
  let unescapedSlash = false;
  for (let i = 0; i < path.length; i++) {
    const char = path[i]!;
    if (char !== '%') {
      result += options.normalize && '^`{|}'.includes(char) ? escapeOf(char) : char;
      continue;
    }
    const high = i + 2 < path.length ? hexValue[path.charCodeAt(i + 1)]! : 255;
    const low = i + 2 < path.length ? hexValue[path.charCodeAt(i + 2)]! : 255;
    if (high === 255 || low === 255) return undefined;
    const byte = high * 16 + low;
    const written = path.slice(i, i + 3);
    i += 2;
    if (byte === 0) return undefined;
    if (byte === 0x2f || byte === 0x5c) {
      if (options.escapedSlashes === 'reject') return undefined;
      if (options.escapedSlashes === 'keep') result += written;
      else {
        result += '/';
        unescapedSlash = true;
      }
      continue;
    }
    const decoded = String.fromCharCode(byte);
    result += options.normalize && unreserved.test(decoded) ? decoded : written;
  }
  return { path: result, unescapedSlash };
}

function escapeOf(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** RFC 3986 section 5.2.4, whatever parameters (`..;a=b`) the dots carry; above the root is the root. */
function removeDotSegments(path: string): string {
  if (!path.includes('/.')) return path;
  const segments: string[] = [];
  const parts = path.slice(1).split('/');
  parts.forEach((part, index) => {
    const parameters = part.indexOf(';');
    const bare = parameters < 0 ? part : part.slice(0, parameters);
    const last = index === parts.length - 1;
    if (bare === '..') {
      segments.pop();
      if (last) segments.push('');
    } else if (bare === '.') {
      if (last) segments.push('');
    } else segments.push(part);
  });
  return `/${segments.join('/')}`;
}

/** One object, refilled. `kinds`: which kinds of bytes the path holds (`pathByte`); -1: one that no target may hold. */
const pathBytes = { kinds: 0, queryStart: 0 };

/** Valid until the next call. */
export function readPathBytes(target: string): typeof pathBytes {
  let kinds = 0;
  let i = 0;
  for (; i < target.length; i++) {
    const kind = pathByte[target.charCodeAt(i)]!;
    if (kind === 0) break;
    kinds |= kind;
  }
  pathBytes.queryStart = i;
  if (i < target.length && target.charCodeAt(i++) !== 63) kinds = -1;
  for (; i < target.length; i++) if (queryByte[target.charCodeAt(i)] !== 1) kinds = -1;
  pathBytes.kinds = kinds;
  return pathBytes;
}
