import { expect, test } from 'vitest';
import type { RetryConfig } from '../model/config.ts';
import { backoffMs, retriesAnswer, retriesEnd } from './retry-rules.ts';

const config = (patch: Partial<RetryConfig>): RetryConfig => ({
  failures: [],
  statuses: [],
  grpcStatuses: [],
  attempts: 1,
  perTryTimeoutMs: 0,
  backoff: { baseMs: 25, maxMs: 250 },
  hostSelections: 0,
  methods: null,
  ...patch,
});

test('an end of a try is a reason for another one where the policy names it', () => {
  const ends = ['no-connection', 'unprocessed', 'reset'] as const;
  for (const failures of [[], ['unprocessed'], ends] as const) {
    expect(ends.filter((end) => retriesEnd(config({ failures }), end))).toEqual(failures);
  }
});

const answer = (status: number, grpcStatus = '') => ({
  status,
  first: (name: string) => (name === 'grpc-status' ? grpcStatus : ''),
});

test('a status of gRPC counts where the head says it', () => {
  const policy = config({ grpcStatuses: [1, 14] });
  const taken = ['', '0', '1', '4', '14', '014', 'x', '1e1'].filter((said) => retriesAnswer(policy, answer(200, said)));
  expect(taken).toEqual(['1', '14']);
});

test('statuses are half-open ranges', () => {
  const policy = config({
    statuses: [
      { start: 409, end: 410 },
      { start: 500, end: 600 },
    ],
  });
  const taken = [200, 408, 409, 410, 499, 500, 599].filter((status) => retriesAnswer(policy, answer(status)));
  expect(taken).toEqual([409, 500, 599]);
});

test('waits lie anywhere below a limit that doubles, up to the longest', () => {
  const backoff = { baseMs: 25, maxMs: 250 };
  const longest = [1, 2, 3, 4, 5, 100].map((retry) => backoffMs(backoff, retry, 0.999_999));
  expect(longest).toEqual([24, 48, 96, 192, 240, 240]);
  expect(backoffMs(backoff, 3, 0)).toBe(1);
  expect(backoffMs({ baseMs: 1, maxMs: 1 }, 1, 0.5)).toBe(1);
});

test('few different waits are in use at a time', () => {
  const waits = new Set(
    Array.from({ length: 10_000 }, (_, i) => backoffMs({ baseMs: 60_000, maxMs: 60_000 }, 1, i / 1e4)),
  );
  expect(waits.size).toBeLessThanOrEqual(25);
});
