import { expect, test } from 'vitest';
import { percentEncode } from './status.ts';

test.each([
  ['plain text, 100%', 'plain text, 100%25'],
  ['grün\n', 'gr%C3%BCn%0A'],
  ['\u{1f600}~', '%F0%9F%98%80~'],
  ['lone \ud800.', 'lone %EF%BF%BD.'],
])('the message %j travels as %j, and comes back by decoding', (text, encoded) => {
  expect(percentEncode(text)).toBe(encoded);
  expect(decodeURIComponent(encoded)).toBe(text.toWellFormed());
});
