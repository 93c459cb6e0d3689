/** The filters of an HTTP connection manager, and what routes say to them. */
import type { HTTPFault, VirtualHost } from '../../../proto/envoy.ts';
import { filterTypePrefix } from '../../../proto/names.ts';
import type { FaultConfig, HttpFilterConfig, RouteConfig } from '../../model/config.ts';
import type { HttpFilter } from './chain-filter.ts';
import { checkFields, fieldTable } from './fields.ts';
import { readPercent } from './fraction.ts';
import { filterConfigName, grpcWebFilter, grpcWebName, readRouteGrpcWeb } from './grpc-web.ts';
import { anyName, structToJson, unpackAny } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import { perRouteSessionName, readRouteSession, sessionName, withSignature } from './stateful-session.ts';
import { positiveMillis } from './values.ts';

type Route = NonNullable<VirtualHost['routes']>[number];

const filterFields = fieldTable('envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter', {
  carried: ['typed_config'],
  ignored: ['name'],
});

const routerFields = fieldTable('envoy.extensions.filters.http.router.v3.Router', {
  ignored: [
    ...['dynamic_stats', 'start_child_span', 'suppress_grpc_request_failure_code_stats'],
    // the x-envoy headers that a router may add tell of timings, and nobody may rely on them
    'suppress_envoy_headers',
  ],
});

const structFields = fieldTable('xds.type.v3.TypedStruct', { carried: ['type_url', 'value'] });

const faultName = 'envoy.extensions.filters.http.fault.v3.HTTPFault';
/** For all routes alike: not in a chain, where routes say it. */
const chainFaultFields = fieldTable(faultName, { ignored: ['disable_downstream_cluster_stats'] });
const faultFields = fieldTable(faultName, {
  carried: ['delay', 'abort'],
  ignored: ['disable_downstream_cluster_stats'],
});
const delayFields = fieldTable('envoy.extensions.filters.common.fault.v3.FaultDelay', {
  carried: ['fixed_delay', 'percentage'],
});
const abortFields = fieldTable('envoy.extensions.filters.http.fault.v3.FaultAbort', {
  carried: ['http_status', 'percentage'],
});

/** All but the router, which must be there and be last; one that may be skipped, or is off, is skipped. */
export function readHttpFilters(place: Place, filters: readonly HttpFilter[]): HttpFilterConfig[] {
  const read: HttpFilterConfig[] = [];
  let routers = 0;
  filters.forEach((filter, index) => {
    if (filter.is_optional === true || filter.disabled === true) return;
    const at = place.item('http_filters', index);
    checkFields(at, filter, filterFields);
    const one = readHttpFilter(at.field('typed_config'), filter);
    if (one === 'router') {
      routers++;
      if (index !== filters.length - 1) at.refuse('the router must be the last filter');
    } else if (one !== null) read.push(one);
  });
  if (routers === 0) place.field('http_filters').refuse('must end in the router');
  return read;
}

function readHttpFilter(place: Place, { typed_config: any }: HttpFilter): HttpFilterConfig | 'router' | null {
  const name = anyName(any);
  switch (name) {
    case 'envoy.extensions.filters.http.router.v3.Router': {
      const router = unpackAny(place, name, any);
      if (router !== null) checkFields(place, router, routerFields);
      return 'router';
    }
    case faultName: {
      const fault = unpackAny(place, name, any);
      if (fault !== null) checkFields(place, fault, chainFaultFields);
      return { name: 'fault', settings: null };
    }
    // stateful-session.ts and grpc-web.ts read them
    case sessionName:
    case grpcWebName:
      return null;
    case 'xds.type.v3.TypedStruct':
      return readOwnFilter(place, any);
    default:
      place.refuse(`HTTP filter ${name || 'without a type'} is ${unsupported}`);
      return null;
  }
}

/** One that this node was given. */
function readOwnFilter(place: Place, any: unknown): HttpFilterConfig | null {
  const message = unpackAny(place, 'xds.type.v3.TypedStruct', any);
  if (message === null) return null;
  checkFields(place, message, structFields);
  const { type_url: typeUrl = '', value } = message;
  if (!typeUrl.startsWith(filterTypePrefix)) {
    place.field('type_url').refuse(`HTTP filter ${typeUrl || 'without a type'} is ${unsupported}`);
    return null;
  }
  return { name: typeUrl.slice(filterTypePrefix.length), settings: structToJson((value ?? {}) as object) };
}

/** What a route says to the filters for faults, for sessions and for gRPC-Web. */
export function readRouteFilters(
  place: Place,
  { typed_per_filter_config: configs, metadata }: Route,
): Pick<RouteConfig, 'fault' | 'stickySession' | 'grpcWeb'> {
  let fault: RouteConfig['fault'] = null;
  let session: RouteConfig['stickySession'] = null;
  let grpcWeb: RouteConfig['grpcWeb'] = null;
  for (const [key, any] of Object.entries(configs ?? {})) {
    const at = place.entry('typed_per_filter_config', key);
    const name = anyName(any);
    if (name === faultName) {
      const message = unpackAny(at, name, any);
      if (message !== null) fault = readFaultMessage(at, message);
    } else if (name === perRouteSessionName) {
      const message = unpackAny(at, name, any);
      if (message !== null) session = readRouteSession(at, message);
    } else if (name === filterConfigName && key === grpcWebFilter) {
      const message = unpackAny(at, name, any);
      if (message !== null) grpcWeb = readRouteGrpcWeb(at, message);
    } else at.refuse(`settings of type ${name || 'nothing'} are ${unsupported}`);
  }
  return { fault, stickySession: withSignature(place, session, metadata), grpcWeb };
}

function readFaultMessage(place: Place, message: HTTPFault): FaultConfig {
  checkFields(place, message, faultFields);
  return { delay: readDelay(place.field('delay'), message), abort: readAbort(place.field('abort'), message) };
}

function readDelay(place: Place, { delay }: HTTPFault): FaultConfig['delay'] {
  if (!delay) return null;
  checkFields(place, delay, delayFields);
  const ms = positiveMillis(place.field('fixed_delay'), delay.fixed_delay, 0);
  if (!delay.fixed_delay) place.field('fixed_delay').refuse('must be there');
  return { ms, fraction: readPercent(place.field('percentage'), delay.percentage ?? {}) };
}

function readAbort(place: Place, { abort }: HTTPFault): FaultConfig['abort'] {
  if (!abort) return null;
  checkFields(place, abort, abortFields);
  const status = abort.http_status ?? 0;
  if (status < 200 || status >= 600) place.field('http_status').refuse('must be from 200 to 599');
  return { status, fraction: readPercent(place.field('percentage'), abort.percentage ?? {}) };
}
