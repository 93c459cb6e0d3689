import { expect, test } from 'vitest';
import { Shared } from './shared.ts';

test('who would make the same gets the same, which is made once', () => {
  const shared = new Shared<{ readonly of: string }>();
  let made = 0;
  const get = (key: string) => shared.get(key, () => ({ of: `${key}${++made}` }));
  const first = get('a');
  expect(get('b')).toEqual({ of: 'b2' });
  expect(get('a')).toBe(first);
  expect(made).toBe(2);
});
