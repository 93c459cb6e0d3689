/** Probes that the endpoints of a cluster cannot answer. */
import type { DocumentSet } from '../document-set.ts';
import type { Typed } from '../specs.ts';
import { speaksHttp2 } from './grpc-clients.ts';
import type { Misfit } from './misfits.ts';

/** gRPC's health service is asked over HTTP/2; Envoy refuses a cluster that does not speak it. */
export function healthMisfits(after: DocumentSet, { document, spec }: Typed<'Cluster'>): Misfit[] {
  const { health, protocol } = spec;
  if (health === null || speaksHttp2(protocol)) return [];
  const named = 'policy' in health ? after.get('HealthPolicy', health.policy.tenant, health.policy.name) : undefined;
  const policy = 'inline' in health ? health.inline : named?.spec;
  if (policy?.active === undefined || policy.active === null || !('grpc' in policy.active.check)) return [];
  const detail = `The endpoints speak ${protocol}; a grpc probe needs HTTP/2.`;
  const remedy = 'Write `protocol: grpc` or `http2`, or another probe.';
  const path = named === undefined ? ['health', 'active', 'grpc'] : ['health'];
  return [
    {
      path,
      fault: { code: 'conflict', detail, remedy },
      other: named?.document ?? document,
      otherPath: ['active', 'grpc'],
    },
  ];
}
