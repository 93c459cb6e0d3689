/** How much of its share an endpoint takes that has just joined, or has just become well. Pure. */
import type { SlowStartConfig } from '../model/config.ts';
import type { Candidate } from './candidate.ts';

/** The first second counts as a whole one. */
const leastMs = 1_000;

/** From `minWeightPercent` up to 1, as Envoy has it. */
export function slowStartFactor(
  { windowMs, aggression, minWeightPercent }: SlowStartConfig,
  { wellSinceMs }: Pick<Candidate, 'wellSinceMs'>,
  nowMs: number,
): number {
  const wellMs = nowMs - wellSinceMs;
  if (wellMs >= windowMs) return 1;
  const grown = Math.max(wellMs, leastMs) / windowMs;
  return Math.min(1, Math.max(minWeightPercent / 100, aggression === 1 ? grown : grown ** (1 / aggression)));
}
