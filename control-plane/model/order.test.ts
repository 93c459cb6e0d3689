import { expect, test } from 'vitest';
import { typed } from './check.ts';
import { orderRoutes } from './order.ts';
import type { Typed } from './specs.ts';
import { randomFrom, stored } from './testing.ts';

interface Written {
  readonly match?: object;
  readonly priority?: number;
  readonly created?: number;
  readonly tenant?: string;
}

function route(name: string, { match = {}, priority, created = 1, tenant }: Written): Typed<'Route'> {
  const spec = { hosts: 'a.b', match, to: { cluster: 'c' }, ...(priority === undefined ? {} : { priority }) };
  return typed(stored({ kind: 'Route', tenant, name, spec }, created)) as Typed<'Route'>;
}

const header = { name: 'a', present: true };
const query = { name: 'a', present: true };

/** In the order in which they are tried. */
const inOrder = [
  route('priority-9', { priority: 9 }),
  route('priority-1', { priority: 1, match: { path: { prefix: '/' } } }),
  route('priority-0', { priority: 0 }),
  route('longest', { match: { path: { rawPrefix: '/api/v1/orders' } } }),
  route('exact', { match: { path: { exact: '/api/v1' } } }),
  route('prefix-method-headers', { match: { path: { prefix: '/api/v1' }, methods: 'GET', headers: [header, header] } }),
  route('prefix-method-header', { match: { path: { prefix: '/api/v1' }, methods: 'GET', headers: header } }),
  route('prefix-method', { match: { path: { prefix: '/api/v1' }, methods: ['GET', 'PUT'] } }),
  route('prefix-headers', { match: { path: { prefix: '/api/v1' }, headers: [header, header] } }),
  route('prefix-header', { match: { path: { prefix: '/api/v1' }, headers: header } }),
  route('prefix', { match: { path: { prefix: '/api/v1/' } } }),
  route('prefix-queries', { match: { path: { rawPrefix: '/api/v1' }, query: [query, query] } }),
  route('prefix-query-fraction', { match: { path: { rawPrefix: '/api/v1' }, query, fraction: '10%' } }),
  route('prefix-query', { match: { path: { rawPrefix: '/api/v1' }, query } }),
  route('prefix-fraction', { match: { path: { rawPrefix: '/api/v1' }, fraction: '10%' } }),
  route('raw-prefix', { match: { path: { rawPrefix: '/api/v1' } } }),
  route('template', { match: { path: { template: '/apiv1/{id}/items' } } }),
  route('regex', { match: { path: { regex: '/apiv1/[0-9]+/items/.*' } } }),
  route('short-exact', { match: { path: { exact: '/' }, methods: 'GET' } }),
  route('z-older', { created: 1 }),
  route('a-younger', { created: 2 }),
  route('b-younger', { created: 2 }),
  route('b-younger', { created: 2, tenant: 'a' }),
  route('b-younger', { created: 2, tenant: 'b' }),
];

test('routes stand in the one documented order, whatever order they come in', () => {
  const random = randomFrom(7);
  for (let round = 0; round < 100; round++) {
    const shuffled = inOrder.map((entry) => ({ entry, at: random() })).sort((a, b) => a.at - b.at);
    expect(orderRoutes(shuffled.map(({ entry }) => entry))).toEqual(inOrder);
  }
});

test('ordering leaves the given list as it was', () => {
  const given = [inOrder[3]!, inOrder[0]!];
  orderRoutes(given);
  expect(given).toEqual([inOrder[3], inOrder[0]]);
});
