import { expect, test } from 'vitest';
import { percentEncode, timeoutMsOf } from './status.ts';

test.each([
  ['plain text, 100%', 'plain text, 100%25'],
  ['grün\n', 'gr%C3%BCn%0A'],
  ['\u{1f600}~', '%F0%9F%98%80~'],
  ['lone \ud800.', 'lone %EF%BF%BD.'],
])('the message %j travels as %j, and comes back by decoding', (text, encoded) => {
  expect(percentEncode(text)).toBe(encoded);
  expect(decodeURIComponent(encoded)).toBe(text.toWellFormed());
});

test.each([
  ['1H', 3_600_000],
  ['2M', 120_000],
  ['10S', 10_000],
  ['250m', 250],
  ['1u', 1],
  ['99999999n', 100],
  ['', undefined],
  ['1', undefined],
  ['-1S', undefined],
  ['123456789S', undefined],
])('the timeout %j is %s ms', (text, ms) => {
  expect(timeoutMsOf(text)).toBe(ms);
});
