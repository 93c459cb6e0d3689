import { expect, test } from 'vitest';
import { emptyLogEntry } from './empty-log-entry.ts';
import { isSampled } from './log-sample.ts';

const half = { numerator: 50, denominator: 100, independent: false };
const never = (): never => {
  throw new Error('chance was asked');
};

// as a real Envoy chose, in a log of half of all
test.each([
  ['a8ed4d11-7505-47ed-85a4-0b6854ba5b0c', 49, true],
  ['5dabe840-c09f-4f02-a4e4-61fa123036e9', 0, true],
  ['6D674042-598c-4f47-bbf6-38a7c01c3ad2', 2, true],
  ['00000032-0000-4000-8000-000000000000', 50, false],
  ['00000063-0000-4000-8000-000000000000', 99, false],
])('the request id %s stands for %d of 100', (requestId, place, logged) => {
  expect(isSampled(half, { ...emptyLogEntry(), requestId }, never)).toBe(logged);
  const entry = { ...emptyLogEntry(), requestId };
  expect(isSampled({ ...half, numerator: place }, entry, never)).toBe(false);
  expect(isSampled({ ...half, numerator: place + 1 }, entry, never)).toBe(true);
});

test('the id of a connection decides where there is no request', () => {
  const entry = { ...emptyLogEntry(), streamId: '00000063-0000-4000-8000-000000000000' };
  expect(isSampled(half, entry, never)).toBe(false);
});

test.each(['', 'short', 'no-digits', '1234567'])('chance decides where the id is %j', (requestId) => {
  const entry = { ...emptyLogEntry(), requestId };
  expect([0, 0.499, 0.5, 0.999].map((drawn) => isSampled(half, entry, () => drawn))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test('chance decides for each log by itself where that is wished', () => {
  const entry = { ...emptyLogEntry(), requestId: '00000000-0000-4000-8000-000000000000' };
  expect(isSampled({ ...half, independent: true }, entry, () => 0.9)).toBe(false);
});

test('a share of nothing logs nothing', () => {
  expect(isSampled({ ...half, numerator: 0 }, emptyLogEntry(), () => 0)).toBe(false);
});
