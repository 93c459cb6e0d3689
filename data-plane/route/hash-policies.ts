/** The hash that hashing policies make a request's endpoint of, as Envoy's router computes it; compiled once per route. */
import { combineHash, type Hash64, type MutableHash64 } from '../../proto/hashing/hash64.ts';
import { TextBytes } from '../../proto/hashing/text-bytes.ts';
import { xxHash64 } from '../../proto/hashing/xx-hash64.ts';
import { compileReplace } from '../../proto/re2/regex.ts';
import type { HashPolicyConfig } from '../model/config.ts';
import { cookieValue, setCookieTail } from './cookies.ts';
import { firstParameter } from './matchers.ts';

/** What hashing may ask of a request, which is as the endpoint will get it: rewritten, its headers changed. */
export interface HashView {
  /** `?` and what follows, or empty. */
  readonly query: string;
  /** IP address of the trusted client. */
  readonly clientIp: string;
  /** The values of all lines with this lower-case name; pseudo-headers are lines, too. */
  sentLines(name: string): readonly string[];
}

/** Cookies for clients that have none. */
export interface CookieMint {
  /** The same for all requests of a connection. */
  newValue(): string;
  /** The answer says it. */
  setCookie(text: string): void;
}

/** Writes the hash to `into`; false: no policy has found anything. */
export type RequestHash = (request: HashView, mint: CookieMint, into: MutableHash64) => boolean;

/** Leaves the hash of what it has found in `part`. */
type Part = (request: HashView, mint: CookieMint) => boolean;

const text = new TextBytes();
const part: MutableHash64 = { high: 0, low: 0 };

/** Null: there are none. */
export function compileHash(policies: readonly HashPolicyConfig[]): RequestHash | null {
  if (policies.length === 0) return null;
  const parts = policies.map((policy) => compilePart(policy));
  return (request, mint, into) => {
    let found = false;
    into.high = 0;
    into.low = 0;
    for (let i = 0; i < parts.length; i++) {
      if (parts[i]!(request, mint)) {
        combineHash(into, part);
        found = true;
      }
      if (found && policies[i]!.terminal) break;
    }
    return found;
  };
}

/** xxHash64 of the text, each character a byte, as the sixteen digits that Envoy writes. */
export function hashDigits(value: string): string {
  hashText(value);
  return part.high.toString(16).padStart(8, '0') + part.low.toString(16).padStart(8, '0');
}

function compilePart(policy: HashPolicyConfig): Part {
  switch (policy.type) {
    case 'header':
      return headerPart(policy.name, policy.rewrite);
    case 'cookie':
      return cookiePart(policy);
    case 'query':
      return ({ query }) => {
        const value = firstParameter(query, policy.name);
        return value !== undefined && hashText(value);
      };
    case 'source':
      return ({ clientIp }) => hashText(clientIp);
  }
}

/** Of several lines the values are sorted, and the hash of each is the seed of the next. */
function headerPart(name: string, rewrite: Extract<HashPolicyConfig, { type: 'header' }>['rewrite']): Part {
  const replace = rewrite === null ? null : compileReplace(rewrite.regex, rewrite.substitution);
  return (request) => {
    let lines = request.sentLines(name);
    // what is more work than one value is worth counts as not there
    if (replace !== null) lines = lines.map(replace).filter((line) => line !== undefined);
    if (lines.length === 0) return false;
    if (lines.length === 1) return hashText(lines[0]!);
    const sorted = lines.toSorted();
    hashText(sorted[0]!);
    for (let i = 1; i < sorted.length; i++) hashText(sorted[i]!, part);
    return true;
  };
}

function cookiePart({ name, ttlMs, path, attributes }: Extract<HashPolicyConfig, { type: 'cookie' }>): Part {
  const tail = ttlMs === null ? null : setCookieTail(ttlMs, path, attributes);
  return (request, mint) => {
    const value = cookieValue(request.sentLines('cookie'), name);
    if (value !== '') return hashText(value);
    if (tail === null) return false;
    const minted = mint.newValue();
    mint.setCookie(`${name}="${minted}"${tail}`);
    return hashText(minted);
  };
}

function hashText(value: string, seed?: Hash64): true {
  const length = text.putLatin1(value);
  xxHash64(text.bytes, length, part, seed);
  return true;
}
