/** Which kinds of listener carry a route; asked where routes are checked and where they are translated. */
import type { DocumentSet } from '../document-set.ts';
import type { SpecOf, Typed } from '../specs.ts';
import { clusterFault, fitsGrpcClients, isForGrpc, speaksHttp2 } from './grpc-clients.ts';

export type Carrier = 'http' | 'api';

/** Undefined: it carries no Routes. */
export function carrierOf(protocol: SpecOf['Listener']['protocol'] | undefined): Carrier | undefined {
  if (protocol === 'api') return 'api';
  return protocol === 'http' || protocol === 'https' ? 'http' : undefined;
}

/**
 * Listeners with a socket carry every route. An api listener carries one that names it if its clusters speak HTTP/2, and
 * one that names none if gRPC's clients also carry out all that it says.
 */
export function carries(carrier: Carrier, documents: DocumentSet, route: Typed<'Route'>): boolean {
  if (carrier === 'http') return true;
  return route.spec.listeners === null ? fitsGrpcClients(documents, route) : isForGrpc(documents, route);
}

/** What of a cluster says which listeners carry its routes, and how: the same text if nothing of that changed. */
export function carriageOf({ spec, ...rest }: Typed<'Cluster'>): string {
  if (!speaksHttp2(spec.protocol)) return spec.protocol;
  return `${spec.protocol}, ${clusterFault({ spec, ...rest })?.field ?? 'for all'}`;
}
