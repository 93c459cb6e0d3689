import { expect, test } from 'vitest';
import { sumOf } from './control-plane.ts';

const exposition = `# HELP a_total Things.
# TYPE a_total counter
a_total{type="x"} 3
a_total{type="y"} 4
a_total_more 9
b_total 5
`;

test('a metric is the sum over its labels, and no other metric whose name begins alike', () => {
  expect(sumOf(exposition, 'a_total')).toBe(7);
  expect(sumOf(exposition, 'b_total')).toBe(5);
});

test('a metric that is not there is an error, not 0', () => {
  expect(() => sumOf(exposition, 'c_total')).toThrow('/metrics has no c_total');
});
