import { expect, test } from 'vitest';
import type { HttpConnectionManager, MessageTypes } from '../../../proto/envoy.ts';
import { decodeListener } from './listener.ts';
import { any, decodeRoute, httpManager, listener, problemsOf, routerFilter, taken } from './testing.ts';

type HttpFilter = NonNullable<HttpConnectionManager['http_filters']>[number];
type FilterConfig = MessageTypes['envoy.config.route.v3.FilterConfig'];

const key = 'envoy.filters.http.grpc_web';
const filter: HttpFilter = { name: key, typed_config: any('envoy.extensions.filters.http.grpc_web.v3.GrpcWeb', {}) };

const decodeChain = (...http_filters: HttpFilter[]) =>
  decodeListener(listener({ http: httpManager({ http_filters: [...http_filters, routerFilter] }) }));

test.each<[HttpFilter[], boolean | null]>([
  [[], null],
  [[filter], true],
  [[{ ...filter, is_optional: true }], true],
  [[{ ...filter, disabled: true }], false],
])('the filters %j are %j for routes that say nothing', (filters, expected) => {
  const { chain } = taken(decodeChain(...filters));
  expect(chain).toMatchObject({ config: { grpcWeb: expected, filters: [] } });
});

test('the filter stands in a chain once', () => {
  expect(problemsOf(decodeChain(filter, filter))).toEqual([
    'filter_chains[0].filters[0].typed_config.http_filters[1].typed_config: is in this chain already',
  ]);
});

const decodeSettings = (message: FilterConfig, name = key) =>
  decodeRoute({ typed_per_filter_config: { [name]: any('envoy.config.route.v3.FilterConfig', message) } });
const empty = { type_url: '', value: '' } as never;

test.each<[FilterConfig, boolean]>([
  [{ config: empty }, true],
  [{ config: empty, is_optional: true }, true],
  [{ disabled: true }, false],
])('a route that says %j has it %s', (message, expected) => {
  expect(taken(decodeSettings(message)).hosts[0]!.routes[0]!.grpcWeb).toBe(expected);
});

test('a route that says nothing leaves it to the chain', () => {
  expect(taken(decodeRoute({})).hosts[0]!.routes[0]!.grpcWeb).toBeNull();
});

test.each<[FilterConfig, string, string]>([
  [{}, key, '.config: must be there, if empty'],
  [
    { config: any('envoy.extensions.filters.http.fault.v3.HTTPFault', {}) },
    key,
    '.config: settings of type envoy.extensions.filters.http.fault.v3.HTTPFault are not supported by this data plane',
  ],
  [
    { config: empty },
    'other',
    ': settings of type envoy.config.route.v3.FilterConfig are not supported by this data plane',
  ],
])('of a route %j is refused (%s)', (message, name, problem) => {
  expect(problemsOf(decodeSettings(message, name))).toEqual([
    `virtual_hosts[0].routes[0].typed_per_filter_config["${name}"]${problem}`,
  ]);
});
