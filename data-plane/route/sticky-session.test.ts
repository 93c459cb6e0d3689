/** What passes between clients and Envoy 1.40, as it was seen. */
import { expect, test } from 'vitest';
import type { StickySessionConfig } from '../model/config.ts';
import type { RequestView } from './request-view.ts';
import { compileSession, type Session } from './sticky-session.ts';

const nowMs = 1_795_298_000_999;
const nowSeconds = 1_795_298_000;

function byCookie(rest: Partial<Extract<StickySessionConfig['by'], { type: 'cookie' }>> = {}, signed = false): Session {
  const by = { type: 'cookie', name: 'st', ttlMs: 60_000, path: '/s1', attributes: [], ...rest } as const;
  return compileSession({ by, strict: false, signed })!;
}

const byHeader = compileSession({ by: { type: 'header', name: 'x-sticky' }, strict: true, signed: false })!;

function request(path: string, headers: Readonly<Record<string, readonly string[]>> = {}): RequestView {
  const none = { protocol: 'HTTP/1.1', method: 'GET', query: '', host: '', authority: '', clientIp: '' } as const;
  return { ...none, path, random: 0, headerLines: (name) => headers[name] ?? [] };
}

const boundBy = (session: Session, cookie: string, keys: readonly Uint8Array[] = []): string =>
  session.bound(request('/', { cookie: [`a=b; st=${cookie}`] }), nowMs, keys);
const valueIn = (header: readonly [string, string] | null): string => /"(.*)"/.exec(header?.[1] ?? '')?.[1] ?? '';
const base64 = (...parts: readonly (string | number)[]): string =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.of(part)))).toString(
    'base64',
  );

test('the cookie that an answer sets', () => {
  expect(byCookie().header('127.0.0.1:39625', 1_795_298_040_999, [])).toEqual([
    'set-cookie',
    'st="Cg8xMjcuMC4wLjE6Mzk2MjUQtKaI2AY="; Max-Age=60; Path=/s1; HttpOnly',
  ]);
  const attributes = [
    { name: 'SameSite', value: 'Lax' },
    { name: 'Secure', value: '' },
  ];
  expect(byCookie({ ttlMs: 0, path: '/s2/', attributes }).header('127.0.0.1:40073', nowMs, [])?.[1]).toBe(
    'st="Cg8xMjcuMC4wLjE6NDAwNzM="; Path=/s2/; SameSite=Lax; Secure; HttpOnly',
  );
});

test('a cookie names an endpoint until it expires', () => {
  const cookie = (atMs: number): string => valueIn(byCookie().header('[::1]:80', atMs, []));
  expect(boundBy(byCookie(), cookie(nowMs))).toBe('[::1]:80');
  expect(boundBy(byCookie(), `"${cookie(nowMs)}"`)).toBe('[::1]:80');
  expect(boundBy(byCookie(), cookie(nowMs - 60_000))).toBe('[::1]:80');
  expect(boundBy(byCookie(), cookie(nowMs - 61_000))).toBe('');
  // whatever is configured now, what it says of itself counts
  expect(boundBy(byCookie({ ttlMs: 0 }), cookie(nowMs - 61_000))).toBe('');
});

test.each([
  ['without an expiry', 'Cg8xMjcuMC4wLjE6Mzk2MjU=', '127.0.0.1:39625'],
  ['of an older Envoy', base64('127.0.0.1:37767'), '127.0.0.1:37767'],
  ['with fields that nobody knows', base64(0x18, 5, 10, 3, 'a:1', 0x22, 1, 0), 'a:1'],
  ['an address of an older Envoy that reads as a message', base64('10.0.0.1:8080'), ''],
  ['without an address', base64(10, 0, 16, 1), ''],
  ['cut short', base64(10, 200, 'a:1'), '\n\xc8a:1'],
  ['no base64', '!!!', ''],
  ['base64 without its padding', 'Cg8xMjcuMC4wLjE6Mzk2MjU', ''],
  ['empty', '', ''],
])('a cookie %s', (_law, cookie, bound) => {
  expect(boundBy(byCookie(), cookie)).toBe(bound);
});

test('a number that never ends is no message, and costs no more than its ten bytes', () => {
  expect(boundBy(byCookie(), Buffer.alloc(3000, 0xff).toString('base64'))).toHaveLength(3000);
});

test.each([
  ['', '/any', true],
  ['/', '/any', true],
  ['/s1', '/s1', true],
  ['/s1', '/s1/x', true],
  ['/s1', '/s1x', false],
  ['/s1', '/', false],
  ['/s1/', '/s1/x', true],
  ['/s1/', '/s1', false],
])('a cookie of the path "%s" and a request to %s: %s', (path, asked, applies) => {
  expect(byCookie({ path }).applies(request(asked))).toBe(applies);
});

test('a header carries the bare address', () => {
  expect(byHeader.header('127.0.0.1:37767', nowMs, [])).toEqual(['x-sticky', 'MTI3LjAuMC4xOjM3NzY3']);
  const bound = (...lines: readonly string[]): string => byHeader.bound(request('/', { 'x-sticky': lines }), nowMs, []);
  expect(bound('MTI3LjAuMC4xOjM3NzY3', 'MTI3LjAuMC4xOjE=')).toBe('127.0.0.1:37767');
  expect(bound()).toBe('');
  expect(bound('!!')).toBe('');
});

test('the expiry is in whole seconds', () => {
  const cookie = valueIn(byCookie({ ttlMs: 1_000 }).header('a:1', nowMs, []));
  const seconds = Buffer.from(cookie, 'base64').subarray(6);
  const value = [...seconds].reduce((sum, byte, index) => sum + (byte & 127) * 128 ** index, 0);
  expect(value).toBe(nowSeconds + 1);
});

const [key, older, others] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte)) as [Buffer, Buffer, Buffer];

test('a signed cookie is good at every node with the key, also after a newer one took its place', () => {
  const session = byCookie({}, true);
  const cookie = valueIn(session.header('10.0.0.1:80', nowMs, [older, key]));
  expect(boundBy(session, cookie, [older])).toBe('10.0.0.1:80');
  expect(boundBy(session, cookie, [key, older])).toBe('10.0.0.1:80');
  expect(boundBy(session, cookie, [others])).toBe('');
  expect(boundBy(session, cookie, [])).toBe('');
  // an Envoy passes over the signature
  expect(boundBy(byCookie(), cookie)).toBe('10.0.0.1:80');
  expect(session.header('10.0.0.1:80', nowMs, [])).toBeNull();
});

test('what was not signed, or is not what was signed, counts as nothing', () => {
  const session = byCookie({}, true);
  const cookie = valueIn(session.header('10.0.0.1:80', nowMs, [key]));
  const bytes = Buffer.from(cookie, 'base64');
  for (let at = 0; at < bytes.length; at++) {
    const forged = Buffer.from(bytes);
    forged[at] = forged[at]! ^ 1;
    expect(boundBy(session, forged.toString('base64'), [key]), `byte ${at}`).toBe('');
  }
  expect(boundBy(session, bytes.subarray(0, -1).toString('base64'), [key])).toBe('');
  for (const free of [valueIn(byCookie().header('10.0.0.1:80', nowMs, [key])), base64('127.0.0.1:37767')]) {
    expect(boundBy(session, free, [key])).toBe('');
  }
  const expired = valueIn(session.header('10.0.0.1:80', nowMs - 61_000, [key]));
  expect(boundBy(session, expired, [key])).toBe('');
});

test('a cookie of another name is not taken for this one', () => {
  const session = byCookie({ name: 'other' }, true);
  const cookie = valueIn(byCookie({}, true).header('10.0.0.1:80', nowMs, [key]));
  expect(session.bound(request('/', { cookie: [`other=${cookie}`] }), nowMs, [key])).toBe('');
});

test('a header is signed like a cookie', () => {
  const session = compileSession({ by: { type: 'header', name: 'x-sticky' }, strict: false, signed: true })!;
  const [, value] = session.header('10.0.0.1:80', nowMs, [key])!;
  const bound = (text: string): string => session.bound(request('/', { 'x-sticky': [text] }), nowMs, [key]);
  expect(bound(value)).toBe('10.0.0.1:80');
  expect(bound(base64('10.0.0.1:80'))).toBe('');
  expect(session.header('10.0.0.1:80', nowMs, [])).toBeNull();
});
