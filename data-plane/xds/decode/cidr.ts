/** envoy.config.core.v3.CidrRange and its twin in xds.core.v3. */
import { canonicalIp } from './address.ts';
import { checkFields, fieldTable } from './fields.ts';
import type { Place } from './problems.ts';
import { uint32Within, type Wrapped } from './values.ts';

interface CidrRange {
  readonly address_prefix?: string;
  readonly prefix_len?: Wrapped<number>;
}

const rangeFields = fieldTable('envoy.config.core.v3.CidrRange', { carried: ['address_prefix', 'prefix_len'] });

export function readRanges(place: Place, ranges: readonly CidrRange[] | undefined): readonly string[] {
  return (ranges ?? []).map((range, index) => readRange(place.index(index), range));
}

/** `address/bits`, the address without what lies behind its bits; the same text for the same range. */
export function readRange(place: Place, range: CidrRange): string {
  checkFields(place, range, rangeFields);
  const written = range.address_prefix ?? '';
  const address = canonicalIp(written);
  const length = uint32Within(place.field('prefix_len'), range.prefix_len, 0, 0, 128);
  if (address === undefined) {
    place.field('address_prefix').refuse(`${JSON.stringify(written)} is no IP address`);
    return '';
  }
  const words = address.includes(':') ? wordsOf(address) : address.split('.').map(Number);
  const wordBits = address.includes(':') ? 16 : 8;
  const bits = Math.min(length, words.length * wordBits);
  const masked = words.map((word, index) => {
    const kept = Math.max(0, Math.min(wordBits, bits - index * wordBits));
    return word & ~((1 << (wordBits - kept)) - 1);
  });
  const text = wordBits === 8 ? masked.join('.') : masked.map((word) => word.toString(16)).join(':');
  return `${canonicalIp(text)}/${bits}`;
}

/** The eight words of an IPv6 address. */
function wordsOf(address: string): readonly number[] {
  const dotted = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, a, b, c, d) => {
    return `${((a << 8) | +b).toString(16)}:${((c << 8) | +d).toString(16)}`;
  });
  const [head = '', tail] = dotted.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...gap, ...after].map((word) => Number.parseInt(word, 16));
}
