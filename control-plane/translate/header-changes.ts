/** A Route's `headers` to the lists that envoy.config.route.v3.Route has for them. */
import type { VirtualHost } from '../../proto/envoy.ts';
import type { HeaderChangesSpec, RouteSpec } from '../model/specs.ts';

type Route = NonNullable<VirtualHost['routes']>[number];
type Option = NonNullable<Route['request_headers_to_add']>[number];

export function headerChanges({ headers, respond }: Pick<RouteSpec, 'headers' | 'respond'>): Partial<Route> {
  const { request } = headers;
  const response = { ...headers.response, set: { ...headers.response.set, ...respond?.headers } };
  return {
    ...(request.remove.length > 0 && { request_headers_to_remove: [...request.remove] }),
    ...(hasAny(request) && { request_headers_to_add: added(request) }),
    ...(response.remove.length > 0 && { response_headers_to_remove: [...response.remove] }),
    ...(hasAny(response) && { response_headers_to_add: added(response) }),
  };
}

function hasAny({ set, add }: HeaderChangesSpec): boolean {
  return Object.keys(set).length + Object.keys(add).length > 0;
}

function added({ set, add }: HeaderChangesSpec): Option[] {
  const options = (values: HeaderChangesSpec['set'], append_action: Option['append_action']): Option[] =>
    Object.entries(values).map(([key, value]) => ({ header: { key, value }, ...(append_action && { append_action }) }));
  return [...options(set, 'OVERWRITE_IF_EXISTS_OR_ADD'), ...options(add, 'APPEND_IF_EXISTS_OR_ADD')];
}
