import { expect, test } from 'vitest';
import type { EndpointConfig } from '../model/config.ts';
import { eligibleEndpoints } from './panic.ts';

type Health = EndpointConfig['health'];
const letters: Readonly<Record<string, Health>> = { h: 'healthy', u: 'unhealthy', d: 'degraded', x: 'draining' };

/** `hhux` and the like. */
function eligible(health: string, panicPercent: number): string {
  const { indexes, panic } = eligibleEndpoints(
    [...health].map((letter) => letters[letter]!),
    panicPercent,
  );
  return `${indexes.join('')}${panic ? ' panic' : ''}`;
}

test.each([
  ['hhhh', 50, '0123'],
  ['hhuu', 50, '01'],
  ['huuu', 50, '0123 panic'],
  ['huuu', 25, '0'],
  ['huuu', 0, '0'],
  ['uuuu', 50, '0123 panic'],
  ['uuuu', 0, ''],
  ['', 50, ''],
])('of %s with a panic threshold of %i percent: %s', (health, percent, expected) => {
  expect(eligible(health, percent)).toBe(expected);
});

test('panic waits until the overprovisioning is used up, whatever the threshold', () => {
  // 3 of 4 well: 105 % of the load can be taken, so no panic even under a threshold of 100 %
  expect(eligible('hhhu', 100)).toBe('012');
  expect(eligible('hhuu', 100)).toBe('0123 panic');
});

test('degraded endpoints count as well, and are used only when none is healthy', () => {
  expect(eligible('hddu', 50)).toBe('0');
  expect(eligible('uddu', 50)).toBe('12');
  expect(eligible('uduu', 50)).toBe('0123 panic');
});

test('draining endpoints get nothing new outside panic', () => {
  expect(eligible('hhxx', 50)).toBe('01');
  expect(eligible('xxxx', 0)).toBe('');
  expect(eligible('xxxx', 50)).toBe('0123 panic');
});
