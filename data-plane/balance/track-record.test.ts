import { expect, test } from 'vitest';
import { TrackRecord } from './track-record.ts';

test('the share of requests that went well is that of late', () => {
  const record = new TrackRecord();
  expect(record).toMatchObject({ utilization: -1, successShare: 1, failedAtMs: Number.NEGATIVE_INFINITY });
  for (let i = 0; i < 16; i++) record.count(false, 100 + i);
  expect(record.successShare).toBeCloseTo((15 / 16) ** 16);
  expect(record.failedAtMs).toBe(115);
  for (let i = 0; i < 100; i++) record.count(true, 200 + i);
  expect(record.successShare).toBeGreaterThan(0.99);
  expect(record.failedAtMs).toBe(115);
});

test('what an endpoint meets counts for its zone, too, which remembers more of it', () => {
  const zone = new TrackRecord('zone');
  const [one, other] = [new TrackRecord(), new TrackRecord()];
  one.zone = zone;
  other.zone = zone;
  for (let i = 0; i < 128; i++) {
    one.count(false, i);
    other.count(true, i);
  }
  expect(one.successShare).toBeLessThan(0.001);
  expect(other.successShare).toBe(1);
  // half of them, as far as they reach back; before that all was well
  expect(zone.successShare).toBeCloseTo(0.5 + 0.5 * (255 / 256) ** 256, 2);
});
