import { expect, test } from 'vitest';
import { detectionTime } from './detection-time.ts';

const times = { intervalMs: 5_000, jitterPercent: 0, timeoutMs: 2_000, unhealthyAfter: 3 };

test('a crash is found within interval × threshold + timeout', () => {
  expect(detectionTime(times).crashMs).toBe(17_000);
});

test('an endpoint that hangs takes a timeout for each probe, since an interval begins when a probe has ended', () => {
  expect(detectionTime(times).hangMs).toBe(21_000);
});

test('jitter makes every interval longer; parts of a millisecond count whole', () => {
  expect(detectionTime({ ...times, jitterPercent: 10 })).toEqual({ crashMs: 18_500, hangMs: 22_500 });
  expect(detectionTime({ intervalMs: 10, jitterPercent: 1, timeoutMs: 10, unhealthyAfter: 1 }).crashMs).toBe(21);
});
