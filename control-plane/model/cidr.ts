/** Ranges of addresses as people write them: `10.0.0.0/8`, `fd00::/8`, or one address. */
import { firstOf, type IpNumber, ipNumber, ipText } from '../../proto/ip/ip-number.ts';
import { type Parsed, show } from './problems.ts';
import { parseAddress } from './units.ts';

export const cidrRemedy = 'Write a range of addresses such as `10.0.0.0/8` or `fd00::/8`, or one address.';

/** Where IPv4 lies among all addresses: behind IPv6, so that no range holds both. */
const ipv4Base = 1n << 128n;

function refuse(detail: string, remedy = cidrRemedy): Parsed<never> {
  return { ok: false, fault: { detail, remedy } };
}

/** Canonical `address/bits`: the address alone stands for itself, IPv4 written into IPv6 for IPv4. */
export function parseCidr(text: string): Parsed<string> {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (!address.ok) return refuse(`${show(text)} is no range of addresses.`);
  const ip = ipNumber(address.value)!;
  const { number, width } = ip;
  const bits = slash < 0 ? width : bitsOf(text.slice(slash + 1), width);
  if (bits === undefined)
    return refuse(`What stands behind the \`/\` of ${show(text)} is no number from 0 to ${width}.`);
  const first = firstOf(ip, bits);
  if (first.number !== number) {
    const detail = `${show(text)} has bits beyond its first ${bits}.`;
    return refuse(detail, `Write \`${textOf(first)}/${bits}\`, or \`${address.value}/${width}\`.`);
  }
  if (width === 128 && bits >= 96 && number >> 32n === 0xffffn) {
    return { ok: true, value: `${ipText({ number: number & 0xffff_ffffn, width: 32 })}/${bits - 96}` };
  }
  return { ok: true, value: `${address.value}/${bits}` };
}

function bitsOf(text: string, width: number): number | undefined {
  if (!/^(?:0|[1-9]\d{0,2})$/.test(text)) return undefined;
  const bits = Number(text);
  return bits <= width ? bits : undefined;
}

/** As documents have it. */
function textOf(ip: IpNumber): string {
  const address = parseAddress(ipText(ip));
  return address.ok ? address.value : '';
}

interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

function rangeOf(cidr: string): Range {
  const [address = '', bits] = cidr.split('/');
  const { number, width } = ipNumber(address)!;
  const first = number + (width === 32 ? ipv4Base : 0n);
  return { first, last: first + (1n << BigInt(width - Number(bits))) - 1n };
}

interface Held<Holder> extends Range {
  readonly holder: Holder;
}

/** Of the ranges up to some place: the one that reaches farthest, and of those of other owners the one that does. */
interface Reach<Holder> {
  readonly farthest: Held<Holder>;
  readonly other: Held<Holder> | undefined;
}

/** Who has which ranges, all of them canonical: made once, then asked in a logarithm of their number. */
export class CidrHolders<Holder> {
  readonly #ownerOf: (holder: Holder) => unknown;
  /** In their order, and what is known up to each. */
  readonly #firsts: bigint[] = [];
  readonly #reaches: Reach<Holder>[] = [];

  constructor(
    holders: readonly Holder[],
    cidrsOf: (holder: Holder) => readonly string[],
    ownerOf: (holder: Holder) => unknown,
  ) {
    this.#ownerOf = ownerOf;
    const ranges = holders.flatMap((holder) => cidrsOf(holder).map((cidr) => ({ ...rangeOf(cidr), holder })));
    ranges.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
    for (const range of ranges) {
      this.#firsts.push(range.first);
      this.#reaches.push(this.#reachWith(range, this.#reaches.at(-1)));
    }
  }

  /** One with an address in these ranges, of another owner; undefined: there is none. */
  otherThan(owner: unknown, cidrs: readonly string[]): Holder | undefined {
    for (const { first, last } of cidrs.map(rangeOf)) {
      const reach = this.#reaches[this.#lastUpTo(last)];
      const held = reach && this.#ownerOf(reach.farthest.holder) === owner ? reach.other : reach?.farthest;
      if (held !== undefined && held.last >= first) return held.holder;
    }
    return undefined;
  }

  #reachWith(range: Held<Holder>, before: Reach<Holder> | undefined): Reach<Holder> {
    if (before === undefined) return { farthest: range, other: undefined };
    const { farthest, other } = before;
    const isSameOwner = this.#ownerOf(range.holder) === this.#ownerOf(farthest.holder);
    if (range.last > farthest.last) return { farthest: range, other: isSameOwner ? other : farthest };
    if (isSameOwner || (other !== undefined && other.last >= range.last)) return before;
    return { farthest, other: range };
  }

  /** Index of the last range that begins at an address or before it; -1: none does. */
  #lastUpTo(address: bigint): number {
    let [low, high] = [0, this.#firsts.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#firsts[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
