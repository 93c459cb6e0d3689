/** The hashes are those that Envoy 1.40 was seen to pick by. */
import { expect, test } from 'vitest';
import type { HashPolicyConfig } from '../model/config.ts';
import { compileHash, hashDigits } from './hash-policies.ts';

type Header = Extract<HashPolicyConfig, { type: 'header' }>;
const header = (name: string, rest: Partial<Header> = {}): HashPolicyConfig => ({
  ...{ type: 'header', name, rewrite: null, terminal: false },
  ...rest,
});
const cookie = (name: string, ttlMs: number | null = null): HashPolicyConfig => ({
  ...{ type: 'cookie', name, ttlMs, path: '/p', attributes: [], terminal: false },
});
const query = (name: string): HashPolicyConfig => ({ type: 'query', name, terminal: false });
const source: HashPolicyConfig = { type: 'source', terminal: false };
const terminal = (policy: HashPolicyConfig): HashPolicyConfig => ({ ...policy, terminal: true });

interface Asked {
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  readonly query?: string;
}

/** The hash in sixteen digits, or `none`; and the cookies that were made. */
function hashOf(policies: readonly HashPolicyConfig[], { headers = {}, query = '' }: Asked): string {
  const request = { query, clientIp: '192.0.2.7', sentLines: (name: string) => headers[name] ?? [] };
  const cookies: string[] = [];
  const mint = {
    newValue: () => hashDigits('192.0.2.7:1234192.0.2.1:80'),
    setCookie: (text: string) => void cookies.push(text),
  };
  const into = { high: 7, low: 7 };
  const found = compileHash(policies)!(request, mint, into);
  const digits = (half: number): string => half.toString(16).padStart(8, '0');
  return [found ? digits(into.high) + digits(into.low) : 'none', ...cookies].join(' ');
}

const ofEmpty = 'ef46db3751d8e999';
const ofA = 'd24ec4f1a98c6e5b';
const ofAThenB = '76d9a1916ddca8e6';
const ofSource = 'd86f3950d7e3174f';

const x = (...lines: readonly string[]): Asked => ({ headers: { x: lines } });
const cookies = (...lines: readonly string[]): Asked => ({ headers: { cookie: lines } });
const asked = (text: string): Asked => ({ query: text });

test.each<[law: string, policies: readonly HashPolicyConfig[], request: Asked, hash: string]>([
  ['a header', [header('x')], x('a'), ofA],
  ['a header that is not there', [header('x')], {}, 'none'],
  ['an empty header is a key', [header('x')], x(''), ofEmpty],
  ['each character is a byte', [header('x')], x('\xe9'), '725631bb6a18915c'],
  ['lines are sorted, each the seed of the next', [header('x')], x('b', 'a'), ofAThenB],
  ['and count as often as they come', [header('x')], x('a', 'b', 'a'), '600db56f69680498'],
  [
    'a rewrite replaces every match, and goes before the order',
    [header('x', { rewrite: { regex: '[0-9]+', substitution: '' } })],
    x('0b12', '9a9'),
    ofAThenB,
  ],
  ['a cookie', [cookie('sid')], cookies('sid=a'), ofA],
  ['without its quotes', [cookie('sid')], cookies('x=b; sid="a"'), ofA],
  ['behind spaces, or none', [cookie('sid')], cookies('x=b;sid=a;  y=c'), ofA],
  ['the first of several', [cookie('sid')], cookies('x=b', 'sid=a; sid=b', 'sid=b'), ofA],
  ['of this very name', [cookie('sid')], cookies('Sid=a; sid =a; xsid=a; sid'), 'none'],
  ['an empty cookie is none', [cookie('sid')], cookies('sid=; sid=a'), 'none'],
  ['nor is one with nothing in its quotes', [cookie('sid')], cookies('sid=""'), 'none'],
  ['a lone quote belongs to the value', [cookie('sid')], cookies('sid="'), hashDigits('"')],
  ['commas do not part cookies', [cookie('sid')], cookies('x=b, sid=a'), 'none'],
  ['a parameter', [query('k')], asked('?x=b&k=a&k=b'), ofA],
  ['an empty parameter is a key', [query('k')], asked('?k'), ofEmpty],
  ['a parameter is not decoded', [query('k')], asked('?k=%61'), hashDigits('%61')],
  ['a parameter that is not there', [query('k')], asked('?kk=a;k=a'), 'none'],
  ['the client', [source], {}, ofSource],
  ['two keys', [header('x'), query('k')], { ...x('a'), query: '?k=b' }, 'dcd8a34249eb432c'],
  ['three keys', [header('x'), query('k'), source], { ...x('a'), query: '?k=b' }, '61de7fd444359116'],
  ['what finds nothing changes nothing', [query('k'), header('x')], x('a'), ofA],
  ['terminal: those behind do not count', [terminal(header('x')), source], x('a'), ofA],
  ['unless nothing was found so far', [terminal(header('x')), source], {}, ofSource],
  ['it may have been found before', [header('x'), terminal(query('k')), source], x('a'), ofA],
])('%s', (_law, policies, request, hash) => {
  expect(hashOf(policies, request)).toBe(hash);
});

test('a cookie that is not there is made, and its value is the key', () => {
  const made = '884a5b49907db473';
  const hash = hashDigits(made);
  expect(hashOf([cookie('sid', 3_600_000)], {})).toBe(`${hash} sid="${made}"; Max-Age=3600; Path=/p; HttpOnly`);
  expect(hashOf([cookie('sid', 0)], cookies('sid='))).toBe(`${hash} sid="${made}"; Path=/p; HttpOnly`);
  expect(hashOf([cookie('sid', 3_600_000)], cookies('sid=a'))).toBe(ofA);
});

test('no cookie is made where the hash is there already', () => {
  expect(hashOf([terminal(header('x')), cookie('sid', 0)], x('a'))).toBe(ofA);
  expect(hashOf([terminal(header('x')), cookie('sid', 0)], {})).toContain('sid="');
});

test('attributes of a cookie stand in their order, those without a value alone', () => {
  const attributes = [
    { name: 'SameSite', value: 'Lax' },
    { name: 'Secure', value: '' },
  ];
  const policy: HashPolicyConfig = { type: 'cookie', name: 'a', ttlMs: 1500, path: '', attributes, terminal: false };
  expect(hashOf([policy], {})).toMatch(/ a="[0-9a-f]{16}"; Max-Age=1; SameSite=Lax; Secure; HttpOnly$/);
});
