/** Endpoints of Cluster documents to envoy.config.endpoint.v3.ClusterLoadAssignment. */
import type { ClusterLoadAssignment } from '../../proto/envoy.ts';
import { assignmentName, resourceName } from '../../proto/names.ts';
import type { EndpointSpec, Typed } from '../model/specs.ts';
import { speaksHttp2 } from '../model/world/grpc-clients.ts';
import { Memo } from './memo.ts';
import { compareText } from './resources.ts';
import { uint32 } from './wire.ts';

type Locality = NonNullable<ClusterLoadAssignment['endpoints']>[number];
type LbEndpoint = NonNullable<Locality['lb_endpoints']>[number];

const assignments = new Memo<Typed<'Cluster'>, ClusterLoadAssignment>();

/**
 * Resource name of a cluster's endpoints. Where these are checked it names the first that is enabled: endpoints that
 * leave no one in place are another resource, for which Envoy warms another cluster, and goes on with the old one until the first
 * checks of the new are decided. Under one name it would drop the old endpoints before any of the new may be used.
 */
export function endpointsName({ document, spec }: Typed<'Cluster'>, checked: boolean): string {
  const name = resourceName(document.tenant, document.name);
  const first = checked
    ? spec.endpoints.filter(({ state }) => state === 'enabled').toSorted(byAddressAndPort)[0]
    : undefined;
  return assignmentName(name, first && `${first.address}:${first.port}`);
}

/**
 * One locality a zone, in zone order; in each the endpoints by address and port, so that a restarted proxy builds the
 * same ring as one that lived through the changes. Disabled endpoints are left out.
 */
export function clusterLoadAssignment(cluster: Typed<'Cluster'>, checked: boolean): ClusterLoadAssignment {
  return assignments.get(cluster, [checked], () => {
    const zones = Object.groupBy(
      cluster.spec.endpoints.filter(({ state }) => state !== 'disabled').toSorted(byAddressAndPort),
      ({ zone }) => zone,
    );
    return {
      cluster_name: endpointsName(cluster, checked),
      endpoints: Object.keys(zones)
        .toSorted(compareText)
        .map((zone) => {
          const ofZone = zones[zone] ?? [];
          return {
            locality: zone === '' ? {} : { zone },
            lb_endpoints: ofZone.map(lbEndpoint),
            // gRPC's clients skip a locality without a weight; this one gives every endpoint the same share
            ...(speaksHttp2(cluster.spec.protocol) && { load_balancing_weight: uint32(ofZone.length) }),
          };
        }),
    };
  });
}

function byAddressAndPort(a: EndpointSpec, b: EndpointSpec): number {
  return compareText(a.address, b.address) || a.port - b.port;
}

function lbEndpoint({ address, port, weight, state, labels }: EndpointSpec): LbEndpoint {
  return {
    endpoint: { address: { socket_address: { address, port_value: port } } },
    load_balancing_weight: uint32(weight),
    ...(state === 'draining' && { health_status: 'DRAINING' }),
    ...(Object.keys(labels).length > 0 && { metadata: { filter_metadata: { 'envoy.lb': struct(labels) } } }),
  };
}

function struct(labels: Readonly<Record<string, string>>) {
  return { fields: Object.fromEntries(Object.entries(labels).map(([name, stringValue]) => [name, { stringValue }])) };
}
