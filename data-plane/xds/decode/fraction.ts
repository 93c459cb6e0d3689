/** envoy.type.v3.FractionalPercent. */
import { type Place, unsupported } from './problems.ts';

const denominators: Readonly<Record<string, number>> = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1_000_000 };

/** A share, from 0 to 1 and above. */
export function readPercent(place: Place, message: { numerator?: number; denominator?: unknown }): number {
  return (message.numerator ?? 0) / denominatorOf(place, message);
}

/** What is the whole. */
export function denominatorOf(place: Place, message: { denominator?: unknown }): number {
  const denominator = denominators[String(message.denominator ?? 'HUNDRED')];
  if (denominator === undefined) place.field('denominator').refuse(`is ${unsupported}`);
  return denominator ?? 100;
}
