import { expect, test } from 'vitest';
import { markdownTable } from './table.ts';

const samples = new Map([
  ['fairlead', [{ cpu: 10 }, { cpu: 20 }, { cpu: 12 }]],
  ['haproxy', [{ cpu: 20 }, { cpu: 40 }, { cpu: 10 }]],
]);
const options = {
  columns: [{ key: 'cpu', title: 'CPU µs', digits: 1, range: true }],
  ratios: [{ key: 'cpu', title: 'ours ÷ theirs' }],
  ours: 'fairlead',
};

test('a row shows median and range, and our ratio to it, taken round by round', () => {
  expect(markdownTable(samples, options).split('\n')).toEqual([
    '|          |           CPU µs |    ours ÷ theirs |',
    '| -------- | ---------------: | ---------------: |',
    '| fairlead | 12.0 (10.0–20.0) |                  |',
    '| haproxy  | 20.0 (10.0–40.0) | 0.50 (0.50–1.20) |',
  ]);
});

test('without our own samples there is no column of ratios', () => {
  const others = new Map([...samples].filter(([name]) => name !== 'fairlead'));
  expect(markdownTable(others, options)).not.toContain('theirs');
});
