import { expect, test } from 'vitest';
import { pluralOf } from '../api/plurals.ts';
import { isTenantKind } from '../api/roles.ts';
import { kinds } from '../model/document.ts';
import { findKind, kindWords, pathOf, splitTarget } from './kinds.ts';

test('the command line and the server know the same kinds by the same plurals', () => {
  expect(kindWords).toEqual(kinds.map((kind) => ({ kind, plural: pluralOf[kind], tenanted: isTenantKind(kind) })));
});

test('a kind is found by every name that kubectl users try', () => {
  for (const { kind, plural } of kindWords) {
    for (const word of [kind, kind.toLowerCase(), plural, plural.toUpperCase()]) expect(findKind(word).kind).toBe(kind);
  }
  expect(findKind('node-groups').kind).toBe('NodeGroup');
  expect(findKind('health_policy').kind).toBe('HealthPolicy');
  expect(() => findKind('rotes')).toThrow('Did you mean routes?');
});

test('KIND/NAME is KIND NAME, but not both', () => {
  expect(splitTarget('routes/orders', undefined)).toEqual(['routes', 'orders']);
  expect(splitTarget('routes', 'orders')).toEqual(['routes', 'orders']);
  expect(() => splitTarget('routes/orders', 'orders')).toThrow('apart');
});

test('paths quote what people type, and what no tenant owns takes no tenant', () => {
  expect(pathOf(findKind('route'), 'a b', 'c/d')).toBe('/v1/tenants/a%20b/routes/c%2Fd');
  expect(() => pathOf(findKind('listener'), 'a')).toThrow('belongs to no tenant');
});
