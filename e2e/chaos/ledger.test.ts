/** The book itself: it must not pass what breaks a law. */
import { expect, test } from 'vitest';
import { Ledger } from './ledger.ts';

function ledgerOf(...outcomes: ('acknowledged' | 'refused' | 'unknown')[]): Ledger {
  const ledger = new Ledger({ apis: [], names: ['a'], random: () => 0 });
  ledger.entries.push(...outcomes.map((outcome, index) => ({ name: 'a', number: index + 1, outcome })));
  return ledger;
}

const ended = (number: number) => new Map([['a', number]]);

test('an acknowledged write that is not there is a fault', () => {
  expect(ledgerOf('acknowledged', 'acknowledged').faultsOf('x', ended(1))).toEqual([
    'x: a is 1, but 2 was acknowledged',
  ]);
  expect(ledgerOf('acknowledged').faultsOf('x', new Map())).toHaveLength(1);
});

test('an unknown one may be there or not, a refused one may not', () => {
  const ledger = ledgerOf('acknowledged', 'unknown', 'refused');
  expect(ledger.faultsOf('x', ended(1))).toEqual([]);
  expect(ledger.faultsOf('x', ended(2))).toEqual([]);
  expect(ledger.faultsOf('x', ended(3))).toEqual(['x: a is 3, which was refused']);
});
