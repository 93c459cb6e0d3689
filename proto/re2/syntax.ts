/** What a regular expression means, once its text was read. Characters are bytes, as in Envoy (RE2's Latin-1). */

/** Pairs of first and last byte, sorted, apart from each other. */
export type Ranges = readonly number[];

export type Assertion = 'textStart' | 'textEnd' | 'lineStart' | 'lineEnd' | 'wordBoundary' | 'noWordBoundary';

export type Node =
  | { readonly type: 'empty' }
  /** One character. No ranges: never matches. */
  | { readonly type: 'set'; readonly ranges: Ranges }
  | { readonly type: 'assertion'; readonly kind: Assertion }
  | { readonly type: 'capture'; readonly index: number; readonly node: Node }
  | { readonly type: 'concat'; readonly nodes: readonly Node[] }
  | { readonly type: 'alternate'; readonly nodes: readonly Node[] }
  | {
      readonly type: 'repeat';
      readonly node: Node;
      readonly min: number;
      /** Infinity: no bound. */
      readonly max: number;
      readonly greedy: boolean;
    };

export const lastByte = 0xff;

export function normalized(pairs: readonly (readonly [number, number])[]): number[] {
  const sorted = [...pairs].sort((a, b) => a[0] - b[0]);
  const ranges: number[] = [];
  for (const [low, high] of sorted) {
    const last = ranges.length - 1;
    if (last > 0 && low <= ranges[last]! + 1) ranges[last] = Math.max(ranges[last]!, high);
    else ranges.push(low, high);
  }
  return ranges;
}

export function pairsOf(ranges: Ranges): [number, number][] {
  const pairs: [number, number][] = [];
  for (let i = 0; i < ranges.length; i += 2) pairs.push([ranges[i]!, ranges[i + 1]!]);
  return pairs;
}

export function negated(ranges: Ranges): number[] {
  const result: number[] = [];
  let next = 0;
  for (let i = 0; i < ranges.length; i += 2) {
    if (ranges[i]! > next) result.push(next, ranges[i]! - 1);
    next = ranges[i + 1]! + 1;
  }
  if (next <= lastByte) result.push(next, lastByte);
  return result;
}

/** With the other letter case of what is in them, as Latin-1 has it. */
export function folded(ranges: Ranges): number[] {
  const pairs = pairsOf(ranges);
  const more = upperRanges.flatMap(([low, high]) =>
    pairs.flatMap(([from, to]) => [
      ...shifted(from, to, low, high, 32),
      ...shifted(from, to, low + 32, high + 32, -32),
    ]),
  );
  return normalized([...pairs, ...more]);
}

/** Capital letters; the small ones stand 32 behind. */
const upperRanges = [
  [0x41, 0x5a],
  [0xc0, 0xd6],
  [0xd8, 0xde],
] as const;

/** What `from` to `to` has in common with `low` to `high`, moved. */
function shifted(from: number, to: number, low: number, high: number, by: number): [number, number][] {
  const start = Math.max(from, low);
  const end = Math.min(to, high);
  return start <= end ? [[start + by, end + by]] : [];
}

export function holds(ranges: Ranges, byte: number): boolean {
  for (let i = 0; i < ranges.length; i += 2) if (byte >= ranges[i]! && byte <= ranges[i + 1]!) return true;
  return false;
}
