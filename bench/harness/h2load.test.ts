import { expect, test } from 'vitest';
import { parseLog, parseReport } from './h2load.ts';

const report = (requests: string, statuses: string) =>
  ['starting benchmark...', 'finished in 2.50s, 266140.00 req/s, 270.31MB/s', requests, statuses].join('\n');
const counts = (succeeded: number, failed: number) =>
  `requests: 500 total, 564 started, 500 done, ${succeeded} succeeded, ${failed} failed, 0 errored, 0 timeout`;

test('a report gives requests and time', () => {
  const text = report(counts(500, 0), 'status codes: 500 2xx, 0 3xx, 0 4xx, 0 5xx');
  expect(parseReport(text)).toEqual({ requests: 500, durationMicros: 2_500_000 });
});

test.each([
  ['a failed request', counts(499, 1), 'status codes: 500 2xx, 0 3xx, 0 4xx, 0 5xx'],
  ['a bad status', counts(500, 0), 'status codes: 499 2xx, 0 3xx, 0 4xx, 1 5xx'],
])('%s makes the figure no figure', (_, requests, statuses) => {
  expect(() => parseReport(report(requests, statuses))).toThrow('Of 500 requests');
});

test('a report without a result is shown', () => {
  expect(() => parseReport('could not connect')).toThrow('It said:\ncould not connect');
});

test('the log gives the delays', () => {
  const lines = Array.from({ length: 100 }, (_, i) => `179528593518540${i}\t200\t${100 - i}\n`);
  expect(parseLog(lines.join(''))).toEqual({ p50Micros: 50, p99Micros: 99 });
});
