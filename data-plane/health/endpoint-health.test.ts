import { expect, test } from 'vitest';
import { judge, unchecked } from './endpoint-health.ts';
import type { Outcome } from './probe.ts';

const thresholds = { unhealthyThreshold: 3, healthyThreshold: 2 };
const outcomes: Readonly<Record<string, Outcome>> = { p: 'pass', f: 'fail', n: 'network' };

/** The state after each outcome: `+` passing, `-` failing. */
function states(sequence: string): string {
  let health = unchecked;
  return [...sequence]
    .map((letter) => {
      health = judge(health, outcomes[letter]!, thresholds);
      return health.state === 'passing' ? '+' : '-';
    })
    .join('');
}

test.each([
  ['p', '+', 'the first outcome decides at once'],
  ['n', '-', 'the first outcome decides at once'],
  ['pnnnn', '+++--', 'three network failures in a row make an endpoint fail'],
  ['pnnpnnp', '+++++++', 'a pass in between starts the count anew'],
  ['npp', '--+', 'two passes in a row make it pass'],
  ['npnpp', '----+', 'a failure in between starts the count anew'],
  ['pf', '+-', 'a wrong answer fails at once'],
  ['pnnpp', '+++++', 'passes on a passing endpoint change nothing'],
])('%s gives %s: %s', (sequence, expected) => {
  expect(states(sequence)).toBe(expected);
});
