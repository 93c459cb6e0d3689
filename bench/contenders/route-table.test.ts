import { expect, test } from 'vitest';
import { byHost, routeTable } from './route-table.ts';

test('one route is one host and everything under /api/', () => {
  expect(routeTable(1)).toEqual({
    routes: [{ host: 'shop.example.com', prefix: '/api/' }],
    requests: [{ host: 'shop.example.com', path: '/api/v1/orders/1017' }],
  });
});

test('a large table has a hundred routes a host, and its requests reach to the last route', () => {
  const table = routeTable(20_000);
  const hosts = byHost(table);
  expect(hosts.size).toBe(200);
  expect([...hosts.values()].every((routes) => routes.length === 100)).toBe(true);
  expect(new Set(table.requests.map((request) => request.path)).size).toBe(64);
  expect(table.requests.at(-1)).toEqual({ host: 'h199.example.com', path: '/api/r19999/v1/orders/1017' });
});

test.each([2, 63, 64, 65, 1_000])('every request of %i routes goes through a route of its own', (count) => {
  const { routes, requests } = routeTable(count);
  const through = requests.map((request) =>
    routes.filter((route) => route.host === request.host && request.path.startsWith(route.prefix)),
  );
  expect(through.every((matching) => matching.length === 1)).toBe(true);
  expect(new Set(through.flat()).size).toBe(requests.length);
});
