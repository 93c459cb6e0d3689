/** envoy.config.core.v3.CidrRange and its twin in xds.core.v3. */
import { firstOf, ipNumber, ipText } from '../../../proto/ip/ip-number.ts';
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
  const ip = written.includes('%') ? null : ipNumber(written);
  const length = uint32Within(place.field('prefix_len'), range.prefix_len, 0, 0, 128);
  if (ip === null) {
    place.field('address_prefix').refuse(`${JSON.stringify(written)} is no IP address`);
    return '';
  }
  const bits = Math.min(length, ip.width);
  return `${ipText(firstOf(ip, bits))}/${bits}`;
}
