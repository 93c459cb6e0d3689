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

/** Whether an address lies in ranges of both lists, which are canonical. */
export function cidrsOverlap(a: readonly string[], b: readonly string[]): boolean {
  const ranges = [a, b].flatMap((cidrs, list) => cidrs.map((cidr) => ({ ...rangeOf(cidr), list })));
  ranges.sort((x, y) => (x.first < y.first ? -1 : x.first > y.first ? 1 : 0));
  const reached: [bigint, bigint] = [-1n, -1n];
  for (const { first, last, list } of ranges) {
    if (first <= reached[1 - list]!) return true;
    if (last > reached[list]!) reached[list] = last;
  }
  return false;
}
