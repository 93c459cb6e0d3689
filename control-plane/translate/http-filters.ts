/** The filters of an HTTP listener in their order, and what routes say to them. */
import { durationOf, packAny } from '../../proto/codec.ts';
import type { HttpConnectionManager, VirtualHost } from '../../proto/envoy.ts';
import { filterTypePrefix } from '../../proto/names.ts';
import type { FaultSpec, ListenerSpec, RouteSpec, StickyCookieSpec, StickySpec } from '../model/specs.ts';
import { fractionOf } from './route-match.ts';
import { structOf } from './wire.ts';

type HttpFilters = NonNullable<HttpConnectionManager['http_filters']>;

const fault = 'envoy.filters.http.fault';
const session = 'envoy.filters.http.stateful_session';
const grpcWeb = 'envoy.filters.http.grpc_web';

/** Settings of a filter that has none: that it is on. */
const grpcWebOn = packAny('envoy.config.route.v3.FilterConfig', { config: { type_url: '', value: '' } });

/** Those that routes configure are there always: one that came later would make Envoy drain the whole listener. */
export function httpFilters(own: ListenerSpec['filters']): HttpFilters {
  return [
    {
      name: grpcWeb,
      typed_config: packAny('envoy.extensions.filters.http.grpc_web.v3.GrpcWeb', {}),
      // but for routes to gRPC: a server that speaks gRPC-Web itself is not to get anything else
      disabled: true,
    },
    { name: fault, typed_config: packAny('envoy.extensions.filters.http.fault.v3.HTTPFault', {}) },
    {
      name: session,
      typed_config: packAny('envoy.extensions.filters.http.stateful_session.v3.StatefulSession', {}),
      // but for routes that say what it does
      disabled: true,
    },
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

export function filterSettings(
  { filters, affinity }: RouteSpec,
  toGrpc: boolean,
): Pick<VirtualHost, 'typed_per_filter_config'> {
  const sticky = affinity?.sticky ?? null;
  if (filters.fault === null && sticky === null && !toGrpc) return {};
  return {
    typed_per_filter_config: {
      ...(filters.fault !== null && { [fault]: faultOf(filters.fault) }),
      ...(sticky !== null && { [session]: sessionOf(sticky) }),
      ...(toGrpc && { [grpcWeb]: grpcWebOn }),
    },
  };
}

function sessionOf(sticky: StickySpec) {
  const session_state =
    'cookie' in sticky
      ? {
          name: 'envoy.http.stateful_session.cookie',
          typed_config: packAny('envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState', {
            cookie: cookieOf(sticky),
          }),
        }
      : {
          name: 'envoy.http.stateful_session.header',
          typed_config: packAny('envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState', {
            name: sticky.header,
          }),
        };
  return packAny('envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute', {
    stateful_session: { session_state, strict: sticky.strict },
  });
}

function cookieOf({ cookie, ttlMs, path, attributes }: StickyCookieSpec) {
  const list = Object.entries(attributes).map(([name, value]) => ({ name, value }));
  return {
    ...{ name: cookie, path, ...(ttlMs > 0 && { ttl: durationOf(ttlMs) }) },
    ...(list.length > 0 && { attributes: list }),
  };
}

function faultOf({ delay, abort }: FaultSpec) {
  return packAny('envoy.extensions.filters.http.fault.v3.HTTPFault', {
    ...(delay !== null && {
      delay: { fixed_delay: durationOf(delay.ms), percentage: fractionOf(delay.percent) },
    }),
    ...(abort !== null && { abort: { http_status: abort.status, percentage: fractionOf(abort.percent) } }),
  });
}
