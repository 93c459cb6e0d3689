import { expect, test } from 'vitest';
import { MemoryDocumentSet } from './memory-set.ts';
import { stored } from './testing.ts';
import { triedRoutes } from './tried-routes.ts';

const route = (name: string, hosts: readonly string[], match: object = {}) =>
  stored({ kind: 'Route', name, spec: { hosts, match, to: { cluster: 'c' } } }, 1);

test.each([
  ['a.example.com', ['exact-long', 'exact']],
  ['A.Example.com:8080', ['exact-long', 'exact']],
  ['b.example.com', ['suffix']],
  ['c.b.example.com', ['long-suffix']],
  ['shop.org', ['prefix']],
  ['shop.example.com', ['suffix']],
  ['example.com', ['all']],
  ['else.org', ['all']],
])('%s is tried against %j', (host, expected) => {
  const documents = [
    route('exact', ['a.example.com']),
    route('exact-long', ['a.example.com', 'z.org'], { path: { prefix: '/long' } }),
    route('suffix', ['*.example.com']),
    route('long-suffix', ['*.b.example.com']),
    route('prefix', ['shop.*']),
    route('all', ['*']),
  ];
  const set = new MemoryDocumentSet(1, documents);
  expect(triedRoutes(set, host).map(({ document }) => document.name)).toEqual(expected);
});
