import { expect, test } from 'vitest';
import type { HeaderMatchConfig, RouteConfig, RouteMatchConfig } from '../model/config.ts';
import { routeOf } from '../testing.ts';
import type { RequestView } from './request-view.ts';
import { RouteTable } from './table.ts';

function request(host: string, path: string, headers: Record<string, string[]> = {}, method = 'GET'): RequestView {
  return {
    protocol: 'HTTP/1.1',
    method,
    path,
    query: '',
    host,
    authority: host,
    random: 0,
    clientIp: '',
    headerLines: (name) => headers[name] ?? [],
  };
}

function route(name: string, path: RouteMatchConfig['path'], rest: Partial<RouteMatchConfig> = {}): RouteConfig {
  const match = { path, caseSensitive: true, headers: [], query: [], fraction: null, ...rest };
  return routeOf(name, { match });
}

const table = new RouteTable({
  name: 'public',
  hosts: [
    {
      name: 'exact',
      domains: ['shop.example.com'],
      routes: [route('orders', { type: 'pathSeparatedPrefix', value: '/orders' })],
    },
    { name: 'long', domains: ['*.b.example.com'], routes: [route('long', { type: 'prefix', value: '/' })] },
    { name: 'short', domains: ['*.example.com'], routes: [route('short', { type: 'prefix', value: '/' })] },
    { name: 'prefix', domains: ['shop.*'], routes: [route('prefix', { type: 'prefix', value: '/' })] },
    { name: 'any', domains: ['*'], routes: [route('any', { type: 'exact', value: '/only' })] },
  ],
});

test.each([
  ['shop.example.com', '/orders', 'orders'],
  ['shop.example.com', '/orders/7', 'orders'],
  ['shop.example.com', '/ordersx', undefined],
  ['shop.example.com', '/', undefined],
  ['x.b.example.com', '/', 'long'],
  ['b.example.com', '/', 'short'],
  ['.example.com', '/', undefined],
  ['shop.org', '/', 'prefix'],
  ['other.org', '/only', 'any'],
  ['other.org', '/only/', undefined],
])('host %s, path %s goes to %s: only the most specific host is tried', (host, path, expected) => {
  expect(table.find(request(host, path))?.config.name).toBe(expected);
});

function headerTable(header: Partial<HeaderMatchConfig> & Pick<HeaderMatchConfig, 'condition'>): RouteTable {
  const headers = [{ name: 'x', invert: false, treatMissingAsEmpty: false, ...header }];
  const routes = [route('hit', { type: 'prefix', value: '/' }, { headers })];
  return new RouteTable({ name: 't', hosts: [{ name: '*', domains: ['*'], routes }] });
}

const exactV = { type: 'exact', value: 'v', ignoreCase: false } as const;
test.each([
  ['a line of several matches', headerTable({ condition: exactV }), ['w', 'v'], true],
  ['a joined line is one value', headerTable({ condition: exactV }), ['w,v'], false],
  ['an absent header does not match', headerTable({ condition: exactV }), undefined, false],
  ['inverted: none may match', headerTable({ condition: exactV, invert: true }), ['w', 'v'], false],
  ['inverted: another value matches', headerTable({ condition: exactV, invert: true }), ['w'], true],
  ['inverted and absent does not match', headerTable({ condition: exactV, invert: true }), undefined, false],
  [
    'inverted, absent taken as empty, matches',
    headerTable({ condition: exactV, invert: true, treatMissingAsEmpty: true }),
    undefined,
    true,
  ],
  ['ignoring case', headerTable({ condition: { ...exactV, ignoreCase: true } }), ['V'], true],
  ['prefix', headerTable({ condition: { type: 'prefix', value: 'ab', ignoreCase: false } }), ['abc'], true],
  ['suffix', headerTable({ condition: { type: 'suffix', value: 'bc', ignoreCase: false } }), ['abc'], true],
  ['contains', headerTable({ condition: { type: 'contains', value: 'b', ignoreCase: false } }), ['abc'], true],
  ['present', headerTable({ condition: { type: 'present', present: true } }), [''], true],
  ['not present, absent', headerTable({ condition: { type: 'present', present: false } }), undefined, true],
  [
    'present inverted, absent',
    headerTable({ condition: { type: 'present', present: true }, invert: true }),
    undefined,
    true,
  ],
  ['range holds its start', headerTable({ condition: { type: 'range', start: 18, end: 65 } }), ['18'], true],
  ['range leaves out its end', headerTable({ condition: { type: 'range', start: 18, end: 65 } }), ['65'], false],
  ['range takes +20 and 020', headerTable({ condition: { type: 'range', start: 18, end: 65 } }), ['+020'], true],
  ['range takes no fraction', headerTable({ condition: { type: 'range', start: 18, end: 65 } }), ['20.0'], false],
  ['one of several', headerTable({ condition: { type: 'oneOf', values: ['a', 'b'] } }), ['b'], true],
])('header: %s', (_law, subject, lines, expected) => {
  const headers = lines === undefined ? {} : { x: lines };
  expect(subject.find(request('h', '/', headers as Record<string, string[]>)) !== undefined).toBe(expected);
});

test('a host that did not change is not compiled again for the next table', () => {
  const host = (name: string) => ({ name, domains: [name], routes: [route(name, { type: 'prefix', value: '/' })] });
  const [a, b] = [host('a'), host('b')];
  const before = new RouteTable({ name: 't', hosts: [a, b] });
  const after = new RouteTable({ name: 't', hosts: [a, host('b')] });
  expect(after.find(request('a', '/'))).toBe(before.find(request('a', '/')));
  expect(after.find(request('b', '/'))).not.toBe(before.find(request('b', '/')));
});

test('a table made from the one before finds what one made from nothing finds', () => {
  const host = (name: string, ...domains: string[]) => ({
    name,
    domains,
    routes: [route(name, { type: 'prefix', value: '/' })],
  });
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
  console.log(`seed of the changes: ${seed} (SEED=${seed} repeats them)`);
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return Math.floor((state / 2 ** 31) * below);
  };
  const domains = ['*', 'a.b', 'c.b', 'd.a.b', '*.b', '*.a.b', '*b', 'a.*', 'a*', 'd.*'];
  const asked = ['a.b', 'c.b', 'd.a.b', 'x.b', 'x.a.b', 'bb', 'a.x', 'ax', 'd.x', 'other'];
  let hosts: ReturnType<typeof host>[] = [];
  let incremental = new RouteTable({ name: 't', hosts });
  for (let round = 0; round < 1_000; round++) {
    const kept = hosts.filter(() => random(4) > 0);
    const free = domains.filter((domain) => !kept.some((one) => one.domains.includes(domain)));
    const fresh: typeof hosts = [];
    for (const domain of free) {
      const chance = random(4);
      if (chance === 0) fresh.push(host(`${domain} ${round}`, domain));
      else if (chance === 1) fresh.push(host(`${domain} ${round}`, ...(fresh.pop()?.domains ?? []), domain));
    }
    hosts = random(2) === 0 ? [...kept, ...fresh] : [...fresh, ...kept];
    incremental = new RouteTable({ name: 't', hosts }, incremental);
    const scratch = new RouteTable({ name: 't', hosts });
    const found = (subject: RouteTable) => asked.map((name) => subject.find(request(name, '/'))?.config.name);
    expect(found(incremental)).toEqual(found(scratch));
  }
});

function one(path: RouteMatchConfig['path'], rest: Partial<RouteMatchConfig> = {}): RouteTable {
  return new RouteTable({ name: 't', hosts: [{ name: '*', domains: ['*'], routes: [route('hit', path, rest)] }] });
}

const everything = { type: 'prefix', value: '/' } as const;
const template = { type: 'template', value: '/v1/{id}/items.x/' } as const;

test.each([
  [{ type: 'regex', value: '/v[0-9]+' } as const, '/v12', true],
  [{ type: 'regex', value: '/v[0-9]+' } as const, '/v12/', false],
  [{ type: 'regex', value: '.*b' } as const, '/a/b', true],
  [template, '/v1/7/items.x/', true],
  [template, '/v1/a%20b@c/items.x/', true],
  [template, '/v1/7/itemsax/', false],
  [template, '/v1/7/items.x', false],
  [template, '/v1//items.x/', false],
  [template, '/v1/7/8/items.x/', false],
  [template, '/V1/7/items.x/', false],
])('path %j and a request for %s: %s', (path, asked, expected) => {
  expect(one(path).find(request('h', asked)) !== undefined).toBe(expected);
});

const isB = { type: 'exact', value: 'b', ignoreCase: false } as const;
test.each([
  [isB, '?a=b', true],
  [isB, '?x=y&a=b', true],
  [isB, '?a=c&a=b', false],
  [isB, '?aa=b', false],
  [isB, '?A=b', false],
  [isB, '?x&a=b&y', true],
  [isB, '?a=b;c', false],
  [isB, '?a=%62', false],
  [isB, '', false],
  [{ type: 'exact', value: '', ignoreCase: false } as const, '?a', true],
  [{ type: 'exact', value: '', ignoreCase: false } as const, '?a=&b', true],
  [{ type: 'regex', value: '[0-9]+' } as const, '?a=12', true],
  [{ type: 'regex', value: '[0-9]+' } as const, '?a=1x', false],
  [{ type: 'present', present: true } as const, '?a', true],
  [{ type: 'present', present: true } as const, '?b', false],
  [{ type: 'present', present: false } as const, '?b', true],
])('the query condition %j and the query %s: %s', (condition, query, expected) => {
  const subject = one(everything, { query: [{ name: 'a', condition }] });
  expect(subject.find({ ...request('h', '/'), query }) !== undefined).toBe(expected);
});

test('one random number decides about every fraction', () => {
  const subject = new RouteTable({
    name: 't',
    hosts: [
      {
        name: '*',
        domains: ['*'],
        routes: [0.3, 0.3, 0.5, null].map((fraction, index) => route(`${index}`, everything, { fraction })),
      },
    ],
  });
  const taken = [0, 0.29, 0.3, 0.49, 0.5, 0.99].map(
    (random) => subject.find({ ...request('h', '/'), random })?.config.name,
  );
  expect(taken).toEqual(['0', '0', '2', '2', '3', '3']);
});
