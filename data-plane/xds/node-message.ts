/** How the node introduces itself on a stream. */
import type { DeltaDiscoveryRequest } from '../../proto/envoy.ts';
import type { XdsNode } from './ports.ts';

export function nodeMessage({ id, group, zone, version }: XdsNode): NonNullable<DeltaDiscoveryRequest['node']> {
  return {
    id,
    cluster: group,
    user_agent_name: 'fairlead',
    user_agent_version: version,
    locality: zone === '' ? null : { zone },
    client_features: [
      'envoy.lb.does_not_support_overprovisioning',
      'xds.config.supports-resource-ttl',
      // by this name Fairlead's control plane knows who can take virtual hosts as resources of their own
      'fairlead.virtual-hosts',
    ],
  };
}
