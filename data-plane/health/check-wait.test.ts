import { expect, test } from 'vitest';
import { waitMs } from './check-wait.ts';
import { type EndpointHealth, judge, unchecked } from './endpoint-health.ts';
import { networkFailure, type Outcome, passed } from './outcome.ts';

const failure = networkFailure('reset');
const thresholds = { unhealthyThreshold: 3, healthyThreshold: 3 };
const plain = { intervalMs: 5_000, noTrafficIntervalMs: null, jitterPercent: 0, jitterMs: 0 };
const intervals = { unhealthyMs: 1_000, unhealthyEdgeMs: 200, healthyEdgeMs: 300 };

/** The waits after each of these outcomes. */
function waits(outcomes: readonly Outcome[], config: Parameters<typeof waitMs>[0], hasTraffic = true): number[] {
  let health: EndpointHealth = unchecked;
  return outcomes.map((outcome) => {
    health = judge(health, outcome, thresholds);
    return waitMs(config, { health, hasTraffic, random: () => 0.5 });
  });
}

const course = [failure, failure, passed, passed, passed, passed, failure, failure, failure, failure];

test('the wait depends on how checks go, as in Envoy', () => {
  expect(waits(course, { ...plain, intervals })).toEqual([
    ...[1_000, 1_000, 300, 300, 5_000, 5_000],
    ...[200, 200, 1_000, 1_000],
  ]);
});

test('where nothing of that is said, or nothing was sent there yet, it does not', () => {
  expect(new Set(waits(course, plain))).toEqual(new Set([5_000]));
  expect(new Set(waits(course, { ...plain, intervals, noTrafficIntervalMs: 60_000 }, false))).toEqual(
    new Set([60_000]),
  );
});

test('jitter comes on top', () => {
  expect(waits([failure], { ...plain, intervals, jitterPercent: 10, jitterMs: 100 })).toEqual([1_100]);
});
