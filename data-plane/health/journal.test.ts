import { expect, test } from 'vitest';
import { type EndpointSight, type Journal, lookAgain } from './journal.ts';

const see = (...endpoints: EndpointSight[]) => [{ name: 'orders', endpoints }];
const well = (key: string): EndpointSight => ({ key, state: 'healthy', reason: '' });
const ill = (key: string, reason: string): EndpointSight => ({ key, state: 'unhealthy', reason });
const entry = (journal: Journal, key: string) => journal.get('orders')?.get(key);

test('the journal keeps since when each endpoint is in its state, and its newest reason', () => {
  const first = lookAgain(new Map(), see(well('a'), well('b')), 1_000);
  const second = lookAgain(first, see(well('a'), ill('b', 'connection refused')), 2_000);
  const third = lookAgain(second, see(well('a'), ill('b', 'no answer within 500 ms')), 3_000);
  expect(entry(third, 'a')).toEqual({ state: 'healthy', sinceMs: 1_000, reason: '' });
  expect(entry(second, 'b')).toEqual({ state: 'unhealthy', sinceMs: 2_000, reason: 'connection refused' });
  expect(entry(third, 'b')).toEqual({ state: 'unhealthy', sinceMs: 2_000, reason: 'no answer within 500 ms' });
});

test('what does not change is the same object, also when others come and go', () => {
  const first = lookAgain(new Map(), see(well('a'), well('b')), 1_000);
  const second = lookAgain(first, see(well('c'), well('a')), 2_000);
  expect(entry(second, 'a')).toBe(entry(first, 'a'));
  expect(entry(second, 'b')).toBeUndefined();
  expect(lookAgain(second, see(well('a'), well('c')), 2_500).get('orders')).toBe(second.get('orders'));
  expect(entry(lookAgain(second, see(well('b')), 3_000), 'b')?.sinceMs).toBe(3_000);
});
