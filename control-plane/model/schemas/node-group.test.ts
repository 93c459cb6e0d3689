import { expect, test } from 'vitest';
import { specOf } from '../check.ts';
import { refusals } from '../testing.ts';

test('a node group is of tier l7 unless it says l4', () => {
  const drain = { timeoutMs: 45_000, graceMs: 60_000 };
  expect(specOf({ kind: 'NodeGroup', name: 'edge', spec: {} })).toEqual({ tier: 'l7', resourceTtlMs: 0, drain });
  expect(specOf({ kind: 'NodeGroup', name: 'edge', spec: { tier: 'l4', resourceTtl: '0s' } })).toEqual({
    tier: 'l4',
    resourceTtlMs: 0,
    drain,
  });
});

test('its nodes have so long to drain', () => {
  const spec = { drain: { timeout: '2m', grace: '150s' } };
  expect(specOf({ kind: 'NodeGroup', name: 'edge', spec })).toMatchObject({
    drain: { timeoutMs: 120_000, graceMs: 150_000 },
  });
  expect(specOf({ kind: 'NodeGroup', name: 'edge', spec: { drain: { timeout: '2m' } } })).toMatchObject({
    drain: { timeoutMs: 120_000, graceMs: 120_000 },
  });
});

test('resources live for ever, or for a second and longer', () => {
  expect(specOf({ kind: 'NodeGroup', name: 'edge', spec: { resourceTtl: '1s' } })).toMatchObject({
    resourceTtlMs: 1000,
  });
});

test.each([
  [{ tier: 'l5' }, 'invalid /spec/tier'],
  [{ resourceTtl: '999ms' }, 'invalid /spec/resourceTtl'],
  [{ drain: { timeout: '30s', grace: '29s' } }, 'invalid /spec/drain/timeout'],
  [{ drain: { timeout: 45 } }, 'invalid /spec/drain/timeout'],
  [{ rollout: { canary: 1 } }, 'not-supported-yet /spec/rollout'],
  [{ teir: 'l4' }, 'unknown-field /spec/teir'],
])('the node group %j is refused: %s', (spec, refused) => {
  expect(refusals('NodeGroup', spec)).toEqual([refused]);
});
