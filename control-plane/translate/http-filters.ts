/** The filters of an HTTP listener in their order, and what routes say to them. */
import { durationOf, packAny } from '../../proto/codec.ts';
import type { HttpConnectionManager, VirtualHost } from '../../proto/envoy.ts';
import { filterTypePrefix } from '../../proto/names.ts';
import type { FaultSpec, ListenerSpec, RouteSpec } from '../model/specs.ts';
import { fractionOf } from './route-match.ts';
import { structOf } from './wire.ts';

type HttpFilters = NonNullable<HttpConnectionManager['http_filters']>;

const fault = 'envoy.filters.http.fault';

/** Those that routes configure are there always: one that came later would make Envoy drain the whole listener. */
export function httpFilters(own: ListenerSpec['filters']): HttpFilters {
  return [
    { name: fault, typed_config: packAny('envoy.extensions.filters.http.fault.v3.HTTPFault', {}) },
    ...own.map(({ name, settings }) => ({
      name: `fairlead.${name}`,
      typed_config: packAny('xds.type.v3.TypedStruct', {
        type_url: filterTypePrefix + name,
        value: structOf(settings),
      }),
    })),
    {
      name: 'envoy.filters.http.router',
      typed_config: packAny('envoy.extensions.filters.http.router.v3.Router', {}),
    },
  ];
}

export function filterSettings({ filters }: RouteSpec): Pick<VirtualHost, 'typed_per_filter_config'> {
  return filters.fault === null ? {} : { typed_per_filter_config: { [fault]: faultOf(filters.fault) } };
}

function faultOf({ delay, abort }: FaultSpec) {
  return packAny('envoy.extensions.filters.http.fault.v3.HTTPFault', {
    ...(delay !== null && {
      delay: { fixed_delay: durationOf(delay.ms), percentage: fractionOf(delay.percent) },
    }),
    ...(abort !== null && { abort: { http_status: abort.status, percentage: fractionOf(abort.percent) } }),
  });
}
