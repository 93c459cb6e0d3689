/** envoy.extensions.filters.http.grpc_web.v3: requests of browsers that are gRPC to their endpoints. */
import type { HttpConnectionManager, MessageTypes } from '../../../proto/envoy.ts';
import type { HttpChainConfig } from '../../model/config.ts';
import { checkFields, fieldTable } from './fields.ts';
import { anyName, unpackAny } from './messages.ts';
import { type Place, unsupported } from './problems.ts';

export const grpcWebName = 'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb';
/** What routes call it. */
export const grpcWebFilter = 'envoy.filters.http.grpc_web';
export const filterConfigName = 'envoy.config.route.v3.FilterConfig';

const grpcWebFields = fieldTable(grpcWebName, {});
const filterConfigFields = fieldTable(filterConfigName, { carried: ['config', 'disabled'], ignored: ['is_optional'] });

type HttpFilter = NonNullable<HttpConnectionManager['http_filters']>[number];

/** Wherever it stands in the chain, the other filters see gRPC. */
export function readChainGrpcWeb(place: Place, filters: readonly HttpFilter[]): HttpChainConfig['grpcWeb'] {
  let read: HttpChainConfig['grpcWeb'] = null;
  for (const [index, { typed_config: any, disabled = false }] of filters.entries()) {
    if (anyName(any) !== grpcWebName) continue;
    const at = place.item('http_filters', index).field('typed_config');
    if (read !== null) at.refuse('is in this chain already');
    const message = unpackAny(at, grpcWebName, any);
    if (message !== null) checkFields(at, message, grpcWebFields);
    read = !disabled;
  }
  return read;
}

/** What a route says to it: on or off. */
export function readRouteGrpcWeb(place: Place, message: MessageTypes[typeof filterConfigName]): boolean {
  checkFields(place, message, filterConfigFields);
  const { config, disabled = false } = message;
  if (disabled) return false;
  const name = anyName(config);
  if (!config) place.field('config').refuse('must be there, if empty');
  else if (name !== '') place.field('config').refuse(`settings of type ${name} are ${unsupported}`);
  return true;
}
