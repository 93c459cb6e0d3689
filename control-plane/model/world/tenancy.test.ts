import { expect, test } from 'vitest';
import { codesOf, puts, removal, setOf } from '../testing.ts';
import { checkChanges } from '../world.ts';

const world = `
{ kind: NodeGroup, name: edge }
---
{ kind: Listener, name: public, spec: { groups: edge, port: 0 } }
---
{ kind: Listener, name: inner, spec: { groups: edge, port: 0 } }
---
{ kind: Listener, name: closed, spec: { groups: edge, port: 0, tenants: [b] } }
---
{ kind: Listener, name: tcp, spec: { groups: edge, port: 0, protocol: tcp, tenants: [b] } }
---
kind: Tenant
name: a
spec:
  claims: [{ host: shop.example.com, path: /api/v1/orders }, { host: shop.example.com, path: /42 }, { host: "*.a.example.com" }]
  quotas: { routes: 2, clusters: 2, endpoints: 3 }
  caps: { timeout: 60s, retries: 3, listeners: [public, closed] }
---
{ kind: Tenant, name: b, spec: { claims: [{ host: shop.example.com }, { host: "*.a.example.com" }] } }
---
{ kind: Cluster, tenant: a, name: c, spec: { endpoints: [] } }
---
{ kind: Cluster, tenant: b, name: c, spec: { endpoints: [] } }
---
{ kind: Cluster, name: c, spec: { endpoints: [] } }
`;

const doc = (tenant: string, name: string, spec: string) =>
  `{ kind: Route, ${tenant === '' ? '' : `tenant: ${tenant}, `}name: ${name}, spec: { to: { cluster: c }, ${spec} } }`;
const problemsOf = (...documents: string[]) => checkChanges(setOf(world), puts(documents.join('\n---\n')));
const shop = (match: string) => doc('a', 'r', `hosts: shop.example.com, match: { path: ${match} }`);

test.each([
  [shop('{ prefix: /api/v1/orders }')],
  [shop('{ prefix: /api/v1/orders/ }')],
  [shop('{ prefix: /api/v1/orders/7 }')],
  [shop('{ exact: /api/v1/orders }')],
  [shop('{ exact: /api/v1/orders/ }')],
  [shop('{ rawPrefix: /api/v1/orders/ }')],
  [shop('{ prefix: /42/x, ignoreCase: true }')],
  [doc('a', 'r', 'hosts: x.a.example.com')],
  [doc('a', 'r', 'hosts: "*.a.example.com"')],
  [doc('a', 'r', 'hosts: ["*.x.a.example.com", y.a.example.com], match: { path: { prefix: /p, ignoreCase: true } }')],
  [doc('', 'r', 'hosts: "*"')],
])('%s lies within the claims', (route) => {
  expect(problemsOf(route)).toEqual([]);
});

test.each([
  [shop('{ prefix: / }'), '/spec/match/path'],
  [doc('a', 'r', 'hosts: shop.example.com'), '/spec'],
  [shop('{ prefix: /api/v1/orders-internal }'), '/spec/match/path'],
  [shop('{ exact: /api/v1 }'), '/spec/match/path'],
  [shop('{ rawPrefix: /api/v1/orders }'), '/spec/match/path'],
  [shop('{ prefix: /API/v1/orders }'), '/spec/match/path'],
  [shop('{ prefix: /api/v1/orders, ignoreCase: true }'), '/spec/match/path'],
  [doc('a', 'r', 'hosts: pay.example.com'), '/spec/hosts'],
  [doc('a', 'r', 'hosts: [x.a.example.com, pay.example.com]'), '/spec/hosts/1'],
  [doc('a', 'r', 'hosts: a.example.com'), '/spec/hosts'],
  [doc('a', 'r', 'hosts: "*.example.com"'), '/spec/hosts'],
  [doc('a', 'r', 'hosts: "*.shop.example.com"'), '/spec/hosts'],
])('%s does not, and the claims are named', (route, pointer) => {
  const problems = problemsOf(route);
  expect(codesOf(problems)).toEqual([`not-claimed ${pointer}`]);
  expect(problems[0]?.detail).toContain('/api/v1/orders');
});

test.each([
  ['timeout: 60s', []],
  ['timeout: 61s', ['cap /spec/timeout']],
  ['timeout: 0s', ['cap /spec/timeout']],
  ['retry: { attempts: 3 }', []],
  ['retry: { attempts: 4 }', ['cap /spec/retry/attempts']],
  ['listeners: public', []],
  ['listeners: [public, inner]', ['cap /spec/listeners/1']],
  ['listeners: closed', ['not-allowed /spec/listeners']],
])('a route of tenant a with %s: %j', (fields, refused) => {
  expect(codesOf(problemsOf(doc('a', 'r', `hosts: x.a.example.com, ${fields}`)))).toEqual(refused);
});

test('the platform attaches where it wants, for as long as it wants', () => {
  expect(problemsOf(doc('', 'r', 'hosts: x.a.example.com, listeners: [closed, inner], timeout: 0s'))).toEqual([]);
});

test('L4 routes of a tenant keep to open listeners and to its caps', () => {
  const l4 = (tenant: string) =>
    `{ kind: L4Route, tenant: ${tenant}, name: r, spec: { listener: tcp, to: { cluster: c } } }`;
  expect(codesOf(problemsOf(l4('a')))).toEqual(['not-allowed /spec/listener', 'cap /spec/listener']);
  expect(problemsOf(l4('b'))).toEqual([]);
});

const tls = '{ kind: Listener, name: tls, spec: { groups: edge, port: 0, protocol: tls-passthrough } }';
const passed = (tenant: string, spec: string) =>
  `{ kind: L4Route, ${tenant}name: r, spec: { listener: tls, to: { cluster: c }, ${spec} } }`;
const ofA = 'tenant: a, ';
const openToA = 'caps: { listeners: [tls] }';
const claims =
  'claims: [{ host: shop.example.com, path: /api }, { host: whole.example.com }, { host: "*.a.example.com" }]';

test.each([
  [passed(ofA, 'serverNames: whole.example.com'), undefined],
  [passed(ofA, 'serverNames: ["*.a.example.com", x.a.example.com, "*.x.a.example.com"]'), undefined],
  [passed('', ''), undefined],
  [passed('', 'serverNames: anything.example.org'), undefined],
  [passed(ofA, ''), 'not-claimed /spec'],
  [passed(ofA, 'serverNames: pay.example.com'), 'not-claimed /spec/serverNames'],
  [passed(ofA, 'serverNames: [whole.example.com, "*.example.com"]'), 'not-claimed /spec/serverNames/1'],
  [passed(ofA, 'serverNames: shop.example.com'), 'not-claimed /spec/serverNames'],
])('server names that TLS is passed on for are claimed, with every path: %s', (route, refused) => {
  const tenant = `{ kind: Tenant, name: a, spec: { ${claims}, ${openToA} } }`;
  const problems = checkChanges(setOf(`${world}\n---\n${tls}`), puts([tenant, route].join('\n---\n')));
  expect(codesOf(problems)).toEqual(refused === undefined ? [] : [refused]);
});

test('a claim that server names need cannot go', () => {
  const tenant = (claims: string) => `{ kind: Tenant, name: a, spec: { ${claims}, ${openToA} } }`;
  const current = setOf([world, tls, tenant(claims), passed(ofA, 'serverNames: whole.example.com')].join('\n---\n'));
  const problems = checkChanges(current, puts(tenant('claims: { host: whole.example.com, path: /a }')));
  expect(codesOf(problems)).toEqual(['not-claimed /spec/claims']);
  expect(problems[0]?.detail).toContain('This no longer fits L4Route a/r.');
});

const routes = (count: number) =>
  Array.from({ length: count }, (_, i) => doc('a', `r${i}`, `hosts: h${i}.a.example.com`));
const cluster = (name: string, endpoints: number) =>
  `{ kind: Cluster, tenant: a, name: ${name}, spec: { endpoints: [${Array.from({ length: endpoints }, (_, i) => `{ address: 10.0.0.1, port: ${i + 1} }`)}] } }`;

test('a quota is full before it is exceeded', () => {
  expect(problemsOf(...routes(2))).toEqual([]);
  const [problem] = problemsOf(...routes(3));
  expect(problem).toMatchObject({
    code: 'quota',
    document: { kind: 'Route', tenant: 'a', name: 'r2' },
    detail: 'Tenant a would have 3 routes; its quota is 2.',
  });
  const l4 = '{ kind: L4Route, tenant: b, name: r, spec: { listener: tcp, to: { cluster: c } } }';
  const two = '{ kind: Tenant, name: b, spec: { quotas: { routes: 0 } } }';
  expect(codesOf(problemsOf(l4, two))).toEqual(['quota ']);
});

test('clusters and their endpoints have quotas of their own', () => {
  expect(problemsOf(cluster('d', 3))).toEqual([]);
  expect(codesOf(problemsOf(cluster('d', 4)))).toEqual(['quota /spec/endpoints']);
  expect(codesOf(problemsOf(cluster('d', 0), cluster('e', 0)))).toEqual(['quota ']);
  expect(codesOf(problemsOf(cluster('c', 2), cluster('d', 2)))).toEqual(['quota /spec/endpoints']);
});

test('what goes in the same apply makes room', () => {
  const current = setOf([world, ...routes(2)].join('\n---\n'));
  const changes = [...puts(doc('a', 'new', 'hosts: new.a.example.com')), removal('Route/a/r0')];
  expect(checkChanges(current, changes)).toEqual([]);
  expect(codesOf(checkChanges(current, changes.slice(0, 1)))).toEqual(['quota ']);
});

test('a quota may be lowered under what is there; only more of it is refused', () => {
  const current = setOf([world, ...routes(2)].join('\n---\n'));
  const lowered = '{ kind: Tenant, name: a, spec: { claims: { host: "*.a.example.com" }, quotas: { routes: 1 } } }';
  expect(checkChanges(current, puts(lowered))).toEqual([]);
  const same = doc('a', 'r0', 'hosts: other.a.example.com');
  expect(checkChanges(current, puts(`${lowered}\n---\n${same}`))).toEqual([]);
});
