/** The decoder of each xDS type. */
import type { NodeType } from '../types.ts';
import { decodeCluster } from './cluster.ts';
import { decodeEndpoints } from './endpoints.ts';
import { decodeListener } from './listener.ts';
import type { Decoded } from './problems.ts';
import type { ResourceOf } from './resources.ts';
import { decodeRoutes, decodeVirtualHost } from './route.ts';
import { decodeSecret } from './secret.ts';

/** Bytes of one resource to a frozen value or all its problems. None throws. */
export const decoders: { readonly [T in NodeType]: (bytes: Uint8Array) => Decoded<ResourceOf[T]> } = {
  clusters: decodeCluster,
  endpoints: decodeEndpoints,
  listeners: decodeListener,
  routes: decodeRoutes,
  virtualHosts: decodeVirtualHost,
  secrets: decodeSecret,
};
