import { expect, test } from 'vitest';
import { decodeRoutes } from './route.ts';
import { problemsOf, type Route, refusals, route, routes, taken, virtualHost } from './testing.ts';

const text = (stringValue: string) => ({ stringValue });
const list = (...values: object[]) => ({ listValue: { values } });

const decodeFallback = (fields: object, patch: Partial<Route> = {}) => {
  const filter_metadata = { 'fairlead.fallback': { fields }, 'somebody.elses': { fields: { cluster: list() } } };
  const metadata = { filter_metadata } as unknown as NonNullable<Route['metadata']>;
  return decodeRoutes(routes({ virtual_hosts: [virtualHost({ routes: [route({ metadata, ...patch })] })] }));
};

test('a fallback is read from the metadata, on a route that leads to a cluster', () => {
  const fields = { cluster: text('shop/page'), on: list(text('5xx'), text('no-healthy')) };
  expect(taken(decodeFallback(fields)).hosts[0]?.routes[0]?.fallback).toEqual({
    cluster: 'shop/page',
    on: ['5xx', 'no-healthy'],
  });
  const answer = { route: null, direct_response: { status: 200 } };
  expect(taken(decodeFallback(fields, answer)).hosts[0]?.routes[0]?.fallback).toBeNull();
});

const at = 'virtual_hosts[0].routes[0].metadata.filter_metadata["fairlead.fallback"]';
const on = `${at}.on: must be a list of 5xx and no-healthy, not empty`;
test.each(
  refusals<object>(
    [{ cluster: text('a') }, [on]],
    [{ cluster: text('a'), on: list() }, [on]],
    [{ cluster: text('a'), on: text('5xx') }, [on]],
    [{ cluster: text('a'), on: list(text('5xx'), text('4xx')) }, [on]],
    [{ on: list(text('5xx')) }, [`${at}.cluster: must not be empty`]],
    [{ cluster: list(), on: list(text('5xx')) }, [`${at}.cluster: must not be empty`]],
    [{ cluster: text('a'), on: list(text('5xx')), more: text('b') }, [`${at}.more: not supported by this data plane`]],
  ),
)('a fallback is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeFallback(patch))).toEqual(expected);
});
