import { expect, test } from 'vitest';
import { TrackRecord } from './track-record.ts';

test('the share of requests that went well is that of late', () => {
  const record = new TrackRecord();
  expect(record).toEqual({ utilization: -1, reportedAtMs: 0, successShare: 1, failedAtMs: Number.NEGATIVE_INFINITY });
  for (let i = 0; i < 16; i++) record.count(false, 100 + i);
  expect(record.successShare).toBeCloseTo((15 / 16) ** 16);
  expect(record.failedAtMs).toBe(115);
  for (let i = 0; i < 100; i++) record.count(true, 200 + i);
  expect(record.successShare).toBeGreaterThan(0.99);
  expect(record.failedAtMs).toBe(115);
});
