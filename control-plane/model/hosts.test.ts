import { expect, test } from 'vitest';
import { canonicalHost, hostMatches } from './hosts.ts';

test.each([
  ['shop.example.com', 'shop.example.com'],
  ['Shop.Example.COM', 'shop.example.com'],
  ['*.Example.com', '*.example.com'],
  ['*', '*'],
  ['Shop.*', 'shop.*'],
  ['shop.example.*', 'shop.example.*'],
  ['localhost', 'localhost'],
  ['127.0.0.1', '127.0.0.1'],
  ['my_service.internal', 'my_service.internal'],
  ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
])('the host %s is %s', (written, canonical) => {
  expect(canonicalHost(written)).toEqual({ ok: true, value: canonical });
});

test.each([
  ['', 'Write a host name'],
  ['shop.example.com.', 'Write `shop.example.com`'],
  ['shop.example.com:8080', 'Write `shop.example.com`'],
  ['user@shop.example.com', 'behind the `@`'],
  ['bücher.example', 'ASCII form'],
  ['shop example.com', 'ASCII form'],
  ['https://shop.example.com', 'Write the host alone'],
  ['shop.example.com/api', 'Write the host alone'],
  ['[::1]', 'Name a host'],
  ['*shop.example.com', 'A `*` stands alone'],
  ['shop.*.com', 'A `*` stands alone'],
  ['*.*.com', 'A `*` stands alone'],
  ['*.a.*', 'A `*` stands alone'],
  ['*.', 'Write `*`'],
  ['a..b', 'Write a host name'],
  ['.a', 'Write a host name'],
  ['-a.b', 'Write a host name'],
  ['*.127.0.0.1', 'Write a host name'],
  [`${'a'.repeat(64)}.com`, 'Write a host name'],
  [`${'a.'.repeat(127)}com`, 'Write a host name'],
])('the host %j is refused: %s', (written, remedy) => {
  const parsed = canonicalHost(written);
  expect(parsed.ok ? '' : parsed.fault.remedy).toContain(remedy);
});

test.each([
  ['shop.example.com', 'shop.example.com', true],
  ['shop.example.com', 'pay.example.com', false],
  ['*.example.com', 'shop.example.com', true],
  ['*.example.com', 'a.b.example.com', true],
  ['*.example.com', '*.example.com', true],
  ['*.example.com', '*.shop.example.com', true],
  ['*.shop.example.com', '*.example.com', false],
  ['*.example.com', 'example.com', false],
  ['*.example.com', 'notexample.com', false],
  ['shop.example.com', '*.shop.example.com', false],
  ['*.example.com', '*', false],
  ['*', '*.example.com', true],
  ['*', '*', true],
])('a claim to %s covers the host %s: %s', (claim, host, covers) => {
  expect(hostMatches(claim, host)).toBe(covers);
});

test('no claim but all hosts holds what begins like one', () => {
  expect(hostMatches('*', 'shop.*')).toBe(true);
  expect(hostMatches('*.example.com', 'shop.*')).toBe(false);
});
