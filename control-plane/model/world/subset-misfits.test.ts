import { expect, test } from 'vitest';
import { codesOf, puts, setOf } from '../testing.ts';
import { checkChanges } from '../world.ts';

const cluster = (subsets: string) =>
  `{ kind: Cluster, name: orders, spec: { endpoints: [], balance: { subsets: ${subsets} } } }`;
const route = (subset: string) =>
  `{ kind: Route, name: r, spec: { hosts: a.example.com, to: [{ cluster: orders, subset: ${subset} }] } }`;
const world = setOf(cluster('[[version], [stage, version]]'));

test.each([
  ['{ version: v2 }', []],
  ['{ version: v2, stage: test }', []],
  ['{ stage: test }', ['conflict /spec/to/0/subset']],
  ['{ version: v2, zone: a }', ['conflict /spec/to/0/subset']],
])('a route may choose by labels that a list of its cluster has together: %s', (subset, refused) => {
  expect(codesOf(checkChanges(world, puts(route(subset))))).toEqual(refused);
});

test('whoever takes a list away is told whose routes choose by it', () => {
  const current = setOf(`${cluster('[[version]]')}\n---\n${route('{ version: v2 }')}`);
  expect(codesOf(checkChanges(current, puts(cluster('[[stage]]'))))).toEqual(['conflict /spec/balance/subsets']);
  expect(codesOf(checkChanges(current, puts(cluster('[[stage], [version]]'))))).toEqual([]);
});
