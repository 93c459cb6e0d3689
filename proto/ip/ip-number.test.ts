import { expect, test } from 'vitest';
import { firstOf, ipNumber, ipText } from './ip-number.ts';

test.each([
  ['0.0.0.0', 0n, 32],
  ['10.1.2.3', 0x0a010203n, 32],
  ['255.255.255.255', 0xffffffffn, 32],
  ['::', 0n, 128],
  ['::1', 1n, 128],
  ['fd00::1:2', (0xfd00n << 112n) | 0x10002n, 128],
  ['::ffff:10.1.2.3', 0xffff_0a01_0203n, 128],
  ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', (1n << 128n) - 1n, 128],
] as const)('%s is a number, and back', (text, number, width) => {
  expect(ipNumber(text)).toEqual({ number, width });
  expect(ipText({ number, width })).toBe(text);
});

test.each(['', '10.1.2', '10.1.2.3.4', '256.0.0.1', ':::', 'localhost', '1:2:3:4:5:6:7:8:9'])('%j is none', (text) => {
  expect(ipNumber(text)).toBeNull();
});

test.each([
  ['10.1.2.3', 8, '10.0.0.0'],
  ['10.1.2.3', 32, '10.1.2.3'],
  ['10.1.2.3', 31, '10.1.2.2'],
  ['10.1.2.3', 0, '0.0.0.0'],
  ['fd12:3456::1', 8, 'fd00::'],
  ['fd12:3456::1', 128, 'fd12:3456::1'],
  ['fd12:3456::1', 0, '::'],
] as const)('%s/%i begins at %s', (text, bits, first) => {
  expect(ipText(firstOf(ipNumber(text)!, bits))).toBe(first);
});
