import { expect, test } from 'vitest';
import { choosePriority, type SpillRules, spill } from '../../proto/balance/spill.ts';
import { endpointOf } from '../testing.ts';
import { healthOf } from './priorities.ts';

const standings = { h: 'healthy', d: 'degraded', u: 'out', x: 'excluded' } as const;

/** `2h3u`: two healthy endpoints and three that are not; `2h*3`: of weight 3 each. */
function priorityOf(text: string): Parameters<typeof healthOf>[0] {
  return [...text.matchAll(/(\d+)([hdux])(?:\*(\d+))?/g)].flatMap(([, count, letter, weight = '1']) =>
    Array.from({ length: Number(count) }, () => ({
      config: endpointOf(1, { weight: Number(weight) }),
      standing: standings[letter as keyof typeof standings],
    })),
  );
}

/** `70,30`; ` d 0,20` where degraded endpoints get something; ` panic 0,1` where priorities are in panic. */
function shares(text: string, rules: Partial<SpillRules> = {}, byWeight = false): string {
  const priorities = text.split(' ').map((one) => healthOf(priorityOf(one), byWeight));
  const loads = spill(priorities, { overprovisioningPercent: 140, panicPercent: 50, ...rules });
  const { healthy, degraded, panic } = loads;
  expect([...healthy, ...degraded].reduce((sum, one) => sum + one)).toBe(100);
  const panicked = panic.flatMap((one, index) => (one ? [index] : []));
  return [
    healthy.join(),
    ...(degraded.some((one) => one > 0) ? ['d', degraded.join()] : []),
    ...(panicked.length > 0 ? ['panic', panicked.join()] : []),
  ].join(' ');
}

test.each([
  ['2h2u 2h2u', '70,30'],
  ['1h3u 2h', '35,65'],
  ['1h3u 1h3u', '50,50 panic 0,1'],
  ['1h3x 1h4u', '100,0'],
  ['4x 1h3u', '50,50 panic 0,1'],
  ['4u 1h5u', '40,60 panic 0,1'],
  ['1h1u 1h1u 1h1u', '70,30,0'],
  ['1h3u 2h 1h1u', '35,65,0'],
  ['1h3u 1h3u 1h3u', '35,35,30'],
  ['5u 5u 4h1u', '0,0,100'],
  ['5u 5u 2h3u', '34,33,33 panic 0,1,2'],
  ['5d 2h2d1u 2h3u', '0,56,44'],
  ['5u 3u 2u', '50,30,20 panic 0,1,2'],
  ['5u 2h4u 1h2u', '37,42,21 panic 0,1,2'],
  ['0u 6u 3u', '0,67,33 panic 0,1,2'],
  ['100h', '100'],
  ['72h28u 100h', '100,0'],
  ['71h29u 100h', '99,1'],
  ['50h50u 100h', '70,30'],
  ['25h75u 100h', '35,65'],
  ['100u 100h', '0,100'],
  ['25h75u 25h75u 100h', '35,35,30'],
  ['71h29d', '99 d 1'],
  ['25h65d10u', '35 d 65'],
  ['5h95u', '100 panic 0'],
  ['', '100 panic 0'],
])('the load of %s: %s', (health, expected) => {
  expect(shares(health)).toBe(expected);
});

test.each([
  ['2h2u 2h2u', { overprovisioningPercent: 100 }, '50,50'],
  ['5u 3u2d 4u1d', { panicPercent: 0 }, '0,0,0 d 0,67,33'],
  ['1d4u 5d 1h4u', { panicPercent: 0 }, '0,0,28 d 28,44,0'],
  ['1h2d7u 2h1d7u 1h9u', { overprovisioningPercent: 100, panicPercent: 0 }, '16,28,14 d 28,14,0'],
  ['1h4u 1h4u 1h4u', { panicPercent: 20 }, '34,33,33'],
  ['10u 20h80u 30h70u', { overprovisioningPercent: 100, panicPercent: 0 }, '0,40,60'],
  ['3u 2u', { panicPercent: 0 }, '100,0'],
])('the load of %s under %j: %s', (health, rules, expected) => {
  expect(shares(health, rules)).toBe(expected);
});

test.each([
  ['2h*3,2u*2 1h', '60,40'],
  ['1h*4,1x*10,1u*6 1h', '40,60'],
  ['1h*4,1d*3,1u*3 1h,1d*9', '40,10 d 30,20'],
])('by weight, the load of %s: %s', (health, expected) => {
  expect(shares(health, { overprovisioningPercent: 100 }, true)).toBe(expected);
});

test('a number falls on the healthy first, then on the degraded', () => {
  const loads = { healthy: [40, 10], degraded: [30, 20], panic: [false, false] };
  const first = [1, 41, 51, 81].map((percentile) => choosePriority(loads, percentile));
  const last = [40, 50, 80, 100].map((percentile) => choosePriority(loads, percentile));
  expect(first).toEqual([0, 1, 2, 3]);
  expect(last).toEqual(first);
});
