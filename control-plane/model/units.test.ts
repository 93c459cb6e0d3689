import { expect, test } from 'vitest';
import {
  formatDuration,
  parseAddress,
  parseDuration,
  parseName,
  parsePercent,
  parseReference,
  parseSize,
} from './units.ts';

test.each([
  ['0s', 0],
  ['250ms', 250],
  ['15s', 15_000],
  ['1h30m', 5_400_000],
  ['1h1m1s1ms', 3_661_001],
  ['90m', 5_400_000],
])('the duration %s is %d ms', (written, ms) => {
  expect(parseDuration(written)).toEqual({ ok: true, value: ms });
});

test.each(['', '15', '1.5s', '-1s', '1s1m', '1s1s', '1d', '1 s', '1S', 's', '99999999999s', '600h', '15s ', '١s'])(
  'the duration %j is refused with a remedy',
  (written) => {
    const parsed = parseDuration(written);
    expect(parsed.ok).toBe(false);
    if (!parsed.ok) expect(parsed.fault.remedy).not.toBe('');
  },
);

test('a duration is written back as it is read', () => {
  for (const ms of [0, 1, 999, 1000, 60_000, 3_600_000, 5_400_000, 3_661_001, 2 ** 31 - 1]) {
    expect(parseDuration(formatDuration(ms))).toEqual({ ok: true, value: ms });
  }
});

test.each([
  ['512B', 512],
  ['60KiB', 61_440],
  ['1MiB', 1_048_576],
  ['2GiB', 2_147_483_648],
])('the size %s is %d bytes', (written, bytes) => {
  expect(parseSize(written)).toEqual({ ok: true, value: bytes });
});

test.each(['64', '64KB', '64k', '1.5MiB', '-1B', '', '64 KiB'])('the size %j is refused', (written) => {
  expect(parseSize(written).ok).toBe(false);
});

test.each([
  ['0%', 0],
  ['12.5%', 12.5],
  ['100%', 100],
])('the percentage %s is %d', (written, value) => {
  expect(parsePercent(written)).toEqual({ ok: true, value });
});

test.each(['50', '101%', '-1%', '1e1%', '%', '12.12345%', ''])('the percentage %j is refused', (written) => {
  expect(parsePercent(written).ok).toBe(false);
});

test.each([
  ['10.0.1.11', '10.0.1.11'],
  ['::1', '::1'],
  ['0:0:0::1', '::1'],
  ['FD00::000A', 'fd00::a'],
  ['::', '::'],
])('the address %s is %s', (written, canonical) => {
  expect(parseAddress(written)).toEqual({ ok: true, value: canonical });
});

test.each([
  ['localhost', 'names belong in `dns`'],
  ['orders.internal', 'names belong in `dns`'],
  ['10.0.1', 'Write an IP address'],
  ['010.0.0.1', 'Write an IP address'],
  ['10.0.0.1:80', 'the port has a field of its own'],
  ['[::1]', 'Write `::1`'],
  ['fe80::1%eth0', 'Write an IP address'],
  ['', 'Write an IP address'],
])('the address %j is refused: %s', (written, remedy) => {
  const parsed = parseAddress(written);
  expect(parsed.ok ? '' : parsed.fault.remedy).toContain(remedy);
});

test.each(['a', 'orders-v2', '0', '-', 'x'.repeat(63)])('%j is a name', (written) => {
  expect(parseName(written)).toEqual({ ok: true, value: written });
});

test.each(['', 'Orders', 'a_b', 'a.b', 'a/b', 'ä', 'x'.repeat(64), 'a\n'])('%j is no name', (written) => {
  expect(parseName(written).ok).toBe(false);
});

test('a name that is nearly one is suggested', () => {
  const parsed = parseName('Orders_V2');
  expect(parsed.ok ? '' : parsed.fault.remedy).toContain('`orders-v2`');
});

test('a reference is a name, or a tenant and a name', () => {
  expect(parseReference('orders')).toEqual({ ok: true, value: { name: 'orders' } });
  expect(parseReference('checkout/orders')).toEqual({ ok: true, value: { tenant: 'checkout', name: 'orders' } });
  for (const wrong of ['', '/', 'a/', '/a', 'a/b/c', 'A/b']) expect(parseReference(wrong).ok, wrong).toBe(false);
});
