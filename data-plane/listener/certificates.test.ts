import { expect, test } from 'vitest';
import { certificateChooser } from './certificates.ts';

const choose = certificateChooser([
  ['shop.example.com', '*.example.com'],
  ['*.example.org', 'a.example.com'],
  ['a.example.com', 'example.org'],
  [],
]);

test.each([
  ['shop.example.com', 0],
  ['SHOP.example.COM', 0],
  ['other.example.com', 0],
  ['a.example.com', 1],
  ['b.example.org', 1],
  ['example.org', 2],
  ['b.a.example.org', 0],
  ['nobody.net', 0],
  ['org', 0],
  ['.example.org', 0],
  ['', 0],
])('a handshake for %j is answered with certificate %i', (name, index) => {
  expect(choose(name)).toBe(index);
});
