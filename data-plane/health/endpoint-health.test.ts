import { expect, test } from 'vitest';
import { judge, unchecked } from './endpoint-health.ts';
import { degraded, failed, networkFailure, type Outcome, passed } from './outcome.ts';

const thresholds = { unhealthyThreshold: 3, healthyThreshold: 2 };
const outcomes: Readonly<Record<string, Outcome>> = {
  p: passed,
  d: degraded,
  f: failed('status 500'),
  r: { type: 'retriable', reason: 'status 429' },
  n: networkFailure('connection refused'),
  t: { type: 'timeout', reason: 'no answer' },
};
const signs = { pending: '?', passing: '+', degraded: '~', failing: '-' } as const;

/** The state after each outcome: `+` passing, `~` degraded, `-` failing. */
function states(sequence: string): string {
  let health = unchecked;
  return [...sequence]
    .map((letter) => {
      health = judge(health, outcomes[letter]!, thresholds);
      return signs[health.state];
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
  ['ptrn', '+++-', 'what goes wrong on the way, too late or with a retriable status counts alike'],
  ['npf', '---', 'a wrong answer on a failing endpoint starts the count anew'],
  ['npfpp', '----+', 'a wrong answer on a failing endpoint starts the count anew'],
  ['dpd', '~+~', 'what passes is degraded as it says, from one check to the next'],
  ['ndd', '--~', 'an endpoint may come back degraded'],
  ['pnndnnn', '+++~~~-', 'a degraded pass starts the count anew, too'],
])('%s gives %s: %s', (sequence, expected) => {
  expect(states(sequence)).toBe(expected);
});
