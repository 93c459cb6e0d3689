import { expect, test } from 'vitest';
import { toJson } from '../../proto/codec.ts';
import { filterSettings, httpFilters } from './http-filters.ts';
import { virtualHost } from './routes.ts';
import { documentSet, typed } from './testing.ts';

const json = (filters: ReturnType<typeof httpFilters>) =>
  filters.map(({ name, typed_config, disabled }) => ({
    name,
    ...(disabled && { disabled }),
    ...toJson(typed_config as Parameters<typeof toJson>[0]),
  }));

test("a listener's filters stand between those that routes configure and the router", () => {
  const settings = { text: 'a', number: 1.5, yes: true, none: null, list: [1, { a: 'b' }] };
  expect(json(httpFilters([{ name: 'keys', settings }]))).toEqual([
    {
      ...{ name: 'envoy.filters.http.grpc_web', disabled: true },
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb',
    },
    {
      name: 'envoy.filters.http.fault',
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault',
    },
    {
      ...{ name: 'envoy.filters.http.stateful_session', disabled: true },
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSession',
    },
    {
      name: 'fairlead.keys',
      '@type': 'type.googleapis.com/xds.type.v3.TypedStruct',
      type_url: 'type.googleapis.com/fairlead.filters.keys',
      value: settings,
    },
    {
      name: 'envoy.filters.http.router',
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
    },
  ]);
});

test('faults of a route are settings of their filter', () => {
  const fault = { delay: { fixed: '1500ms', fraction: '12.5%' }, abort: { status: 503 } };
  const { typed_per_filter_config: settings } = filterSettings(typed('Route', 'a', { filters: { fault } }).spec, false);
  expect(toJson(settings!['envoy.filters.http.fault'] as Parameters<typeof toJson>[0])).toMatchObject({
    delay: { fixed_delay: '1.500s', percentage: { numerator: 1250, denominator: 'TEN_THOUSAND' } },
    abort: { http_status: 503, percentage: { numerator: 100 } },
  });
  expect(filterSettings(typed('Route', 'a', {}).spec, false)).toEqual({});
});

test.each(['grpc', 'http1', 'http2', 'same-as-client'])('gRPC-Web, to a cluster of %s', (protocol) => {
  const route = typed('Route', 'r', { hosts: 'a.example.com', to: { cluster: 'c' } });
  const host = virtualHost(documentSet([typed('Cluster', 'c', { protocol }), route]), 'public', 'a.example.com', [
    route,
  ]);
  const settings = host.routes![0]!.typed_per_filter_config;
  if (protocol !== 'grpc') expect(settings).toBeUndefined();
  else {
    expect(toJson(settings!['envoy.filters.http.grpc_web'] as Parameters<typeof toJson>[0])).toEqual({
      '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig',
      config: {},
    });
  }
});
