/** Endpoints of Cluster documents to envoy.config.endpoint.v3.ClusterLoadAssignment. */
import type { ClusterLoadAssignment } from '../../proto/envoy.ts';
import { assignmentName, resourceName } from '../../proto/names.ts';
import { endpointsAt, type Placement } from '../model/placements.ts';
import type { ClusterSpec, EndpointSpec, Typed } from '../model/specs.ts';
import { speaksHttp2 } from '../model/world/grpc-clients.ts';
import { Memo } from './memo.ts';
import { compareText } from './resources.ts';
import { structOf, uint32 } from './wire.ts';

type Locality = NonNullable<ClusterLoadAssignment['endpoints']>[number];
type LbEndpoint = NonNullable<Locality['lb_endpoints']>[number];

const assignments = new Memo<Typed<'Cluster'>, ClusterLoadAssignment>();

/**
 * Resource name of a cluster's endpoints. Where these are checked it names the first that is enabled: endpoints that
 * leave no one in place are another resource, for which Envoy warms another cluster, and goes on with the old one until the first
 * checks of the new are decided. Under one name it would drop the old endpoints before any of the new may be used.
 * Nodes keep one name: the fleet sees to it that those of before stay while others come.
 */
export function endpointsName({ document, spec }: Typed<'Cluster'>, checked: boolean): string {
  const name = resourceName(document.tenant, document.name);
  const first = checked
    ? spec.endpoints.filter(({ state }) => state === 'enabled').toSorted(byAddressAndPort)[0]
    : undefined;
  return assignmentName(name, first && `${first.address}:${first.port}`);
}

/**
 * One locality a priority and zone, in this order, priorities without gaps; in each the endpoints by address and port, so
 * that a restarted proxy builds the same ring as one that lived through the changes. Disabled endpoints are left out.
 * `placed`: where the nodes are that a cluster with `nodes` is made of.
 */
export function clusterLoadAssignment(
  cluster: Typed<'Cluster'>,
  checked: boolean,
  placed: readonly Placement[] = noNodes,
): ClusterLoadAssignment {
  return assignments.get(cluster, [checked, placed], () => {
    const all = cluster.spec.nodes === null ? cluster.spec.endpoints : endpointsAt(placed);
    const used = all.filter(({ state }) => state !== 'disabled').toSorted(byAddressAndPort);
    const byPriority = [...Map.groupBy(used, ({ priority }) => priority)].sort(([a], [b]) => a - b);
    return {
      cluster_name: endpointsName(cluster, checked),
      endpoints: byPriority.flatMap(([, endpoints], priority) => localities(cluster.spec, endpoints, priority)),
    };
  });
}

const noNodes: readonly Placement[] = [];

function localities(spec: ClusterSpec, endpoints: readonly EndpointSpec[], priority: number): Locality[] {
  const zones = [...Map.groupBy(endpoints, ({ zone }) => zone)].sort(([a], [b]) => compareText(a, b));
  return zones.map(([zone, ofZone]) => {
    const weight = localityWeight(spec, zone, ofZone.length);
    return {
      locality: zone === '' ? {} : { zone },
      lb_endpoints: ofZone.map(lbEndpoint),
      ...(priority > 0 && { priority }),
      ...(weight !== null && { load_balancing_weight: uint32(weight) }),
    };
  });
}

/** Null: none is said. A zone of weight 0 gets nothing, which is what a locality without a weight gets. */
function localityWeight({ balance, protocol }: ClusterSpec, zone: string, endpoints: number): number | null {
  if (balance.localities !== null && balance.localities !== 'zone-aware') {
    return balance.localities[zone] || null;
  }
  // gRPC's clients skip a locality without a weight; this one gives every endpoint the same share
  return speaksHttp2(protocol) ? endpoints : null;
}

function byAddressAndPort(a: EndpointSpec, b: EndpointSpec): number {
  return compareText(a.address, b.address) || a.port - b.port;
}

function lbEndpoint({ address, port, weight, state, labels }: EndpointSpec): LbEndpoint {
  return {
    endpoint: { address: { socket_address: { address, port_value: port } } },
    load_balancing_weight: uint32(weight),
    ...(state === 'draining' && { health_status: 'DRAINING' }),
    ...(Object.keys(labels).length > 0 && { metadata: { filter_metadata: { 'envoy.lb': structOf(labels) } } }),
  };
}
