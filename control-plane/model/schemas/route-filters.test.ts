import { expect, test } from 'vitest';
import { specOf } from '../check.ts';
import { refusals } from '../testing.ts';

const specWith = (filters: object) => ({ hosts: ['a.b'], to: [{ cluster: 'c' }], filters });

test.each([
  [{}, { fault: null }],
  [
    { fault: { delay: { fixed: '2s' }, abort: { status: 503, fraction: '1.5%' } } },
    { fault: { delay: { ms: 2_000, percent: 100 }, abort: { status: 503, percent: 1.5 } } },
  ],
  [{ fault: { abort: { status: 429 } } }, { fault: { delay: null, abort: { status: 429, percent: 100 } } }],
])('filters %j are %j', (filters, expected) => {
  expect((specOf({ kind: 'Route', name: 'orders', spec: specWith(filters) }) as { filters: unknown }).filters).toEqual(
    expected,
  );
});

test.each([
  [{ fault: {} }, 'invalid /spec/filters/fault'],
  [{ fault: { delay: { fixed: '0s' } } }, 'invalid /spec/filters/fault/delay/fixed'],
  [{ fault: { delay: {} } }, 'missing-field /spec/filters/fault/delay/fixed'],
  [{ fault: { abort: { status: 600 } } }, 'invalid /spec/filters/fault/abort/status'],
  [{ fault: { abort: { status: 500, fraction: '101%' } } }, 'invalid /spec/filters/fault/abort/fraction'],
  [{ faults: {} }, 'unknown-field /spec/filters/faults'],
  [{ cors: {} }, 'not-supported-yet /spec/filters/cors'],
])('filters %j are refused: %s', (filters, refusal) => {
  expect(refusals('Route', specWith(filters))).toEqual([refusal]);
});
