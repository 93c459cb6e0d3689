import { expect, test } from 'vitest';
import { findClashes } from './domain-clashes.ts';

type Hosts = Readonly<Record<string, readonly string[]>>;

/** Names of the refused, for a table of hosts and inside ones, and what a response brings and takes. */
function refused(held: Hosts, arrived: Hosts, removed: readonly string[] = [], inside: Hosts = {}): string[] {
  const owners = new Map(
    Object.entries({ ...held, ...inside }).flatMap(([name, domains]) => domains.map((domain) => [domain, name])),
  );
  const claims = { ownerOf: (domain: string) => owners.get(domain), domainsOf: (name: string) => held[name] };
  const hosts = Object.entries(arrived).map(([name, domains]) => ({ name, domains, routes: [] }));
  return [...findClashes(claims, hosts, removed).keys()].sort();
}

test.each<[law: string, expected: readonly string[], ...Parameters<typeof refused>]>([
  ['what nobody has may come', [], { a: ['a'] }, { b: ['b'], c: ['c', 'd'] }],
  ['a host may come again with its own domains', [], { a: ['a', 'b'] }, { a: ['b', 'c'] }],
  ['another host has it', ['b'], { a: ['a'] }, { b: ['b', 'a'] }],
  ['the first of two in one response has it', ['b'], {}, { a: ['x'], b: ['x'] }],
  ['two change places', [], { a: ['a'], b: ['b'] }, { a: ['b'], b: ['a'] }],
  ['a domain passes to one that stands before in the response', [], { a: ['a', 'x'] }, { b: ['x'], a: ['a'] }],
  ['a host that goes leaves its domains', [], { a: ['a'] }, { b: ['a'] }, ['a']],
  ['a host inside has it', ['a'], { a: ['a'] }, { a: ['x'] }, [], { inside: ['x'] }],
  [
    'the last good form of a refused one is in the way of one before',
    ['a', 'b'],
    { a: ['a'] },
    { b: ['a'], a: ['x'] },
    [],
    { inside: ['x'] },
  ],
  ['and of one behind', ['a', 'b'], { a: ['a'] }, { a: ['x'], b: ['a'] }, [], { inside: ['x'] }],
  ['and so on', ['a', 'b', 'c'], { a: ['a'], b: ['b'] }, { c: ['b'], b: ['a'], a: ['x'] }, [], { inside: ['x'] }],
])('%s', (_law, expected, ...given) => {
  expect(refused(...given)).toEqual(expected);
});
