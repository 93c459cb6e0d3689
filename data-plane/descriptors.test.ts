import { expect, test } from 'vitest';
import { allowedDescriptors, descriptorsFor } from './descriptors.ts';

/** A system with so many, that lets itself be talked into `most`. */
function system(has: number, most = has) {
  const asked: number[] = [];
  return {
    asked,
    allowed: () => has,
    raise: (to: number) => {
      asked.push(to);
      if (to <= most) has = to;
    },
  };
}

test('a process that may have enough descriptors asks for nothing', () => {
  const { asked, allowed, raise } = system(100_200);
  expect(descriptorsFor(50_000, allowed, raise)).toEqual({ connections: 50_000, warning: null });
  expect(asked).toEqual([]);
});

test('one that may not asks for as many as it needs', () => {
  const { asked, allowed, raise } = system(1_024, 1_000_000);
  expect(descriptorsFor(50_000, allowed, raise)).toEqual({ connections: 50_000, warning: null });
  expect(asked).toEqual([100_200]);
});

test.each([
  [20_000, 9_900],
  [1_024, 412],
  [256, 64],
  [2, 1],
])('with %s descriptors for good there are %s connections, and a sentence about it', (has, connections) => {
  const { allowed, raise } = system(has);
  const found = descriptorsFor(50_000, allowed, raise);
  expect(found.connections).toBe(connections);
  expect(found.warning).toContain(`${has} descriptors open, enough for ${connections} connections and not for 50000`);
  expect(found.warning).toContain('LimitNOFILE) to 100200, or say --limit connections=');
});

test('this process has some', () => {
  expect(allowedDescriptors()).toBeGreaterThan(10);
});
