/** What stands around a position, and the assertions about it. */
import { wordChars } from './classes.ts';
import { type Assertion, holds } from './syntax.ts';

/** What stands at one side of a position. */
export const around = { edge: 0, newline: 1, word: 2, other: 3 } as const;

export function kindOf(byte: number): number {
  if (byte === 10) return around.newline;
  return holds(wordChars, byte) ? around.word : around.other;
}

/** Whether an assertion holds between two neighbours. */
export function assertionHolds(kind: Assertion, before: number, after: number): boolean {
  switch (kind) {
    case 'textStart':
      return before === around.edge;
    case 'textEnd':
      return after === around.edge;
    case 'lineStart':
      return before === around.edge || before === around.newline;
    case 'lineEnd':
      return after === around.edge || after === around.newline;
    default:
      return ((before === around.word) !== (after === around.word)) === (kind === 'wordBoundary');
  }
}
