import { expect, test } from 'vitest';
import type { HTTPFault, HttpConnectionManager } from '../../../proto/envoy.ts';
import { decodeListener } from './listener.ts';
import { decodeRoutes } from './route.ts';
import {
  any,
  decodeRoute,
  httpManager,
  listener,
  problemsOf,
  route,
  routerFilter,
  routes,
  seconds,
  taken,
  virtualHost,
} from './testing.ts';

const unsupported = 'not supported by this data plane';
const fault = 'envoy.extensions.filters.http.fault.v3.HTTPFault';

type HttpFilters = NonNullable<HttpConnectionManager['http_filters']>;

function decodeChain(...http_filters: HttpFilters) {
  return decodeListener(listener({ http: httpManager({ http_filters: [...http_filters, routerFilter] }) }));
}

function own(type_url: string, value = { fields: {} }): HttpFilters[number] {
  return { name: 'x', typed_config: any('xds.type.v3.TypedStruct', { type_url, value }) };
}

test('filters keep their order, and the settings of those that the node was given are JSON', () => {
  const value = {
    fields: {
      text: { stringValue: 'a' },
      list: { listValue: { values: [{ numberValue: 1 }, { boolValue: false }, { nullValue: 'NULL_VALUE' as const }] } },
      inner: { structValue: { fields: { a: { stringValue: 'b' } } } },
    },
  };
  const { chain } = taken(
    decodeChain(
      own('type.googleapis.com/fairlead.filters.keys', value),
      { name: 'f', typed_config: any(fault, {}) },
      own('type.googleapis.com/fairlead.filters.other'),
    ),
  );
  expect(chain.type === 'http' && chain.config.filters).toEqual([
    { name: 'keys', settings: { text: 'a', list: [1, false, null], inner: { a: 'b' } } },
    { name: 'fault', settings: null },
    { name: 'other', settings: {} },
  ]);
});

test.each([
  [own('type.googleapis.com/envoy.x'), `.type_url: HTTP filter type.googleapis.com/envoy.x is ${unsupported}`],
  [
    { name: 'f', typed_config: any(fault, { abort: { http_status: 500 } }) } as HttpFilters[number],
    `.abort: ${unsupported}`,
  ],
])('of filters this is refused: %j', (filter, problem) => {
  const place = 'filter_chains[0].filters[0].typed_config.http_filters[0].typed_config';
  expect(problemsOf(decodeChain(filter))).toEqual([place + problem]);
});

function decodeFault(message: HTTPFault) {
  const typed_per_filter_config = { 'envoy.filters.http.fault': any(fault, message) };
  return decodeRoute({ typed_per_filter_config });
}

test.each([
  [{}, { delay: null, abort: null }],
  [{ abort: { http_status: 503 } }, { delay: null, abort: { status: 503, fraction: 0 } }],
  [
    {
      delay: { fixed_delay: seconds(2), percentage: { numerator: 1_250, denominator: 'TEN_THOUSAND' as const } },
      abort: { http_status: 503, percentage: { numerator: 100 } },
    },
    { delay: { ms: 2_000, fraction: 0.125 }, abort: { status: 503, fraction: 1 } },
  ],
])('what a route says of faults, %j, is %j', (message, expected) => {
  expect(taken(decodeFault(message)).hosts[0]!.routes[0]!.fault).toEqual(expected);
});

test.each<[HTTPFault, string]>([
  [{ abort: { http_status: 600 } }, '.abort.http_status: must be from 200 to 599'],
  [{ abort: { grpc_status: 5 } }, `.abort.grpc_status: ${unsupported}`],
  [{ delay: { fixed_delay: seconds(0) } }, '.delay.fixed_delay: must be more than 0'],
  [{ delay: {} }, '.delay.fixed_delay: must be there'],
  [{ max_active_faults: { value: 1 } }, `.max_active_faults: ${unsupported}`],
])('of faults this is refused: %j', (message, problem) => {
  const place = 'virtual_hosts[0].routes[0].typed_per_filter_config["envoy.filters.http.fault"]';
  expect(problemsOf(decodeFault(message))).toContain(place + problem);
});

test('settings for other filters are refused', () => {
  const typed_per_filter_config = { x: { type_url: 'type.googleapis.com/x.Y', value: Buffer.of() } };
  const decoded = decodeRoutes(
    routes({ virtual_hosts: [virtualHost({ routes: [route({ typed_per_filter_config })] })] }),
  );
  expect(problemsOf(decoded)).toEqual([
    `virtual_hosts[0].routes[0].typed_per_filter_config["x"]: settings of type x.Y are ${unsupported}`,
  ]);
});
