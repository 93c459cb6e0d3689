import { beforeEach, expect, test } from 'vitest';
import { Debounce } from './debounce.ts';
import { ManualTimers } from './testing.ts';

let timers: ManualTimers;
let runs: number[];
let debounce: Debounce;
beforeEach(() => {
  timers = new ManualTimers(1_000);
  runs = [];
  debounce = new Debounce(() => runs.push(timers.now()), timers, { quietMs: 10, atMostMs: 100 });
});

test('the first request after quiet runs at once', () => {
  debounce.request();
  expect(runs).toEqual([1_000]);
  timers.advanceTo(1_010);
  debounce.request();
  expect(runs).toEqual([1_000, 1_010]);
});

test('what follows within 10 ms runs once, 10 ms after the last of it', () => {
  for (const atMs of [1_000, 1_003, 1_006, 1_009]) {
    timers.advanceTo(atMs);
    debounce.request();
  }
  timers.advanceTo(2_000);
  expect(runs).toEqual([1_000, 1_019]);
});

test('a burst without end runs every 100 ms', () => {
  for (let atMs = 1_000; atMs <= 1_305; atMs += 5) {
    timers.advanceTo(atMs);
    debounce.request();
  }
  expect(runs).toEqual([1_000, 1_105, 1_205, 1_305]);
});

test('nothing runs after cancel', () => {
  debounce.request();
  debounce.request();
  debounce.cancel();
  timers.advanceTo(5_000);
  expect(runs).toEqual([1_000]);
});
