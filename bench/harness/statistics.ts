/** The few statistics that the tables show: medians and ranges, and ratios taken round by round. */

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The middle value; of an even number of values, the mean of the middle two. Throws on an empty list. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('There is no median of nothing.');
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted.length >> 1;
  const high = sorted[upper] as number;
  return sorted.length % 2 === 1 ? high : ((sorted[upper - 1] as number) + high) / 2;
}

/** The value that so great a part of the values does not exceed (nearest rank). Throws on an empty list. */
export function quantile(values: readonly number[], part: number): number {
  if (values.length === 0) throw new RangeError('There is no quantile of nothing.');
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] as number;
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/**
 * How `ours` compares with `theirs`: the spread of the ratios within each round. What disturbs the machine for a whole
 * round disturbs both sides and falls out, which a ratio of the two medians would not give.
 */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): Spread {
  if (ours.length !== theirs.length) {
    throw new RangeError(`Ratios are taken round by round, but there are ${ours.length} and ${theirs.length} rounds.`);
  }
  return spread(ours.map((value, round) => value / (theirs[round] as number)));
}
