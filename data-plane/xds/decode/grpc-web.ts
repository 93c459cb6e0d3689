/** envoy.extensions.filters.http.grpc_web.v3: requests of browsers that are gRPC to their endpoints. */
import type { MessageTypes } from '../../../proto/envoy.ts';
import type { HttpChainConfig } from '../../model/config.ts';
import { type HttpFilter, readChainFilter } from './chain-filter.ts';
import { checkFields, fieldTable } from './fields.ts';
import { anyName } from './messages.ts';
import { type Place, unsupported } from './problems.ts';

export const grpcWebName = 'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb';
/** What routes call it. */
export const grpcWebFilter = 'envoy.filters.http.grpc_web';
export const filterConfigName = 'envoy.config.route.v3.FilterConfig';

const grpcWebFields = fieldTable(grpcWebName, {});
const filterConfigFields = fieldTable(filterConfigName, { carried: ['config', 'disabled'], ignored: ['is_optional'] });

/** Wherever it stands in the chain, the other filters see gRPC. */
export function readChainGrpcWeb(place: Place, filters: readonly HttpFilter[]): HttpChainConfig['grpcWeb'] {
  const filter = readChainFilter(place, filters, grpcWebName);
  if (filter === null) return null;
  if (filter.message !== null) checkFields(filter.at, filter.message, grpcWebFields);
  return filter.isOn;
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
