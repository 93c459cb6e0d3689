/** Makes a finding small enough to be read. */
import { kindOf, type Subject } from './subject.ts';

/** Verdicts that one minimisation may cost. */
const maxTries = 5_000;

/** The smallest input reached by leaving parts out for which the same kind of thing is wrong. */
export async function minimise<Input>(subject: Subject<Input>, found: Input, problem: string): Promise<Input> {
  const kind = kindOf(problem);
  let best = found;
  let tries = 0;
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    for (const candidate of subject.simpler(best)) {
      if (++tries > maxTries) return best;
      const [verdict] = await subject.judge([candidate]);
      if (kindOf(verdict?.problem) !== kind) continue;
      best = candidate;
      isSmaller = true;
      break;
    }
  }
  return best;
}

/** The list without a run of its items: halves, quarters, down to single ones. */
export function* withoutRuns<Item>(items: readonly Item[]): Generator<Item[]> {
  for (let length = items.length >> 1; length >= 1; length >>= 1) {
    for (let at = 0; at < items.length; at += length) yield [...items.slice(0, at), ...items.slice(at + length)];
  }
}
