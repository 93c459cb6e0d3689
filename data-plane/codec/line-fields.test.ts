import { expect, test } from 'vitest';
import { sharedField } from '../../proto/http2/field.ts';
import { fieldOfLine } from './line-fields.ts';

/** Each call has bytes of its own. */
function fieldOf(name: string, value: string) {
  const b = Buffer.from(`..${name}: ${value}\r\n`, 'latin1');
  const valueStart = 4 + name.length;
  return fieldOfLine(b, 2, 2 + name.length, valueStart, valueStart + value.length);
}

test('a line that comes again is the shared object, one that comes once is not', () => {
  const first = fieldOf('x-kind', 'often');
  expect(first).toMatchObject({ name: 'x-kind', value: 'often' });
  expect(first).not.toBe(sharedField('x-kind', 'often'));
  for (let i = 0; i < 2; i++) expect(fieldOf('x-kind', 'often')).toBe(sharedField('x-kind', 'often'));
});

test('what belongs to one client is never shared', () => {
  for (const name of ['cookie', 'set-cookie', 'authorization']) {
    const value = `${name} of somebody, long enough`;
    for (let i = 0; i < 3; i++) expect(fieldOf(name, value)).not.toBe(sharedField(name, value));
    expect(fieldOf(name, value)).toMatchObject({ name, value });
  }
});

test('lines that are alike in all that finds their place are told apart', () => {
  const values = ['', 'a', `${'b'.repeat(40)}-same`, `${'c'.repeat(40)}-same`, 'é', 'x'.repeat(500), 'y'.repeat(500)];
  for (let round = 0; round < 3; round++) {
    for (const name of ['x-a', 'x-ba', 'xx-a']) {
      for (const value of values) expect(fieldOf(name, value)).toMatchObject({ name, value });
    }
  }
  // the same bytes, parted elsewhere
  expect(fieldOf('x-a', 'b')).toMatchObject({ name: 'x-a', value: 'b' });
  expect(fieldOf('x-ab', '')).toMatchObject({ name: 'x-ab', value: '' });
});
