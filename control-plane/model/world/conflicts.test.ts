import { expect, test } from 'vitest';
import { codesOf, puts, setOf } from '../testing.ts';
import { checkChanges } from '../world.ts';

const world = `
{ kind: NodeGroup, name: edge }
---
{ kind: Listener, name: one, spec: { groups: edge, port: 0 } }
---
{ kind: Listener, name: two, spec: { groups: edge, port: 0 } }
---
{ kind: Tenant, name: a, spec: { claims: [{ host: shop.example.com }, { host: "*.example.com" }] } }
---
{ kind: Tenant, name: b, spec: { claims: [{ host: shop.example.com }, { host: "*.example.com" }] } }
---
{ kind: Cluster, tenant: a, name: c, spec: { endpoints: [] } }
---
{ kind: Cluster, tenant: b, name: c, spec: { endpoints: [] } }
---
{ kind: Cluster, name: c, spec: { endpoints: [] } }
`;

const conditions =
  'match: { path: { prefix: /p }, methods: [GET, PUT], headers: [{ name: x, exact: a }, { name: y, present: true }] }';
const doc = (tenant: string, name: string, spec: string) =>
  `{ kind: Route, ${tenant === '' ? '' : `tenant: ${tenant}, `}name: ${name}, spec: { to: { cluster: c }, ${spec} } }`;
const first = doc('a', 'first', `hosts: [shop.example.com, z.example.com], ${conditions}`);
const current = () => setOf(`${world}\n---\n${first}`);
const problemsOf = (...documents: string[]) => checkChanges(current(), puts(documents.join('\n---\n')));

test.each([
  [doc('b', 'second', `hosts: Shop.example.com, ${conditions}`), '/spec/hosts'],
  [doc('b', 'second', `hosts: [q.example.com, z.example.com], ${conditions}`), '/spec/hosts/1'],
  [doc('b', 'second', `hosts: shop.example.com, ${conditions.replace('/p', '/p/')}`), '/spec/hosts'],
  [doc('b', 'second', `hosts: shop.example.com, ${conditions.replace('[GET, PUT]', '[PUT, GET]')}`), '/spec/hosts'],
  [doc('b', 'second', `hosts: shop.example.com, listeners: two, ${conditions}`), '/spec/hosts'],
  [doc('', 'second', `hosts: shop.example.com, ${conditions}`), '/spec/hosts'],
])("another owner's route for the same requests is refused, naming the one that has them: %s", (route, pointer) => {
  const problems = problemsOf(route);
  expect(codesOf(problems)).toEqual([`conflict ${pointer}`]);
  expect(problems[0]?.detail).toContain('Route a/first');
});

test.each([
  [doc('a', 'second', `hosts: shop.example.com, ${conditions}`)],
  [doc('b', 'second', `hosts: other.example.com, ${conditions}`)],
  [doc('b', 'second', `hosts: "*.example.com", ${conditions}`)],
  [doc('b', 'second', `hosts: shop.example.com, ${conditions.replace('/p', '/p/q')}`)],
  [doc('b', 'second', `hosts: shop.example.com, ${conditions.replace('prefix', 'exact')}`)],
  [doc('b', 'second', `hosts: shop.example.com, ${conditions.replace('[GET, PUT]', 'GET')}`)],
  [doc('b', 'second', `hosts: shop.example.com, ${conditions.replace('exact: a', 'exact: b')}`)],
  [doc('b', 'second', `hosts: shop.example.com, ${conditions.replace('/p', '/p, ignoreCase: true')}`)],
  [doc('', 'second', `hosts: shop.example.com, priority: 1, ${conditions}`)],
])('a route that differs is no conflict: %s', (route) => {
  expect(problemsOf(route)).toEqual([]);
});

test('routes that can never stand on one listener are no conflict', () => {
  const only = (tenant: string, listener: string) =>
    doc(tenant, tenant, `hosts: q.example.com, listeners: ${listener}`);
  expect(problemsOf(only('a', 'one'), only('b', 'two'))).toEqual([]);
  expect(codesOf(problemsOf(only('a', 'one'), only('b', '[two, one]')))).toEqual(['conflict /spec/hosts']);
});

test('of two that come together, the one that would lose is told', () => {
  const problems = problemsOf(doc('a', 'z', 'hosts: q.example.com'), doc('b', 'y', 'hosts: q.example.com'));
  expect(problems.map(({ document }) => document?.name)).toEqual(['z']);
  expect(problems[0]?.detail).toContain('Route b/y');
});

test("an older route that moves onto another's requests is the one that is refused", () => {
  const set = setOf(
    `${world}\n---\n${doc('a', 'old', 'hosts: x.example.com')}\n---\n${doc('b', 'holder', 'hosts: y.example.com')}`,
  );
  const problems = checkChanges(set, puts(doc('a', 'old', 'hosts: y.example.com')));
  expect(problems.map(({ document, detail }) => [document?.name, detail.includes('Route b/holder')])).toEqual([
    ['old', true],
  ]);
});
