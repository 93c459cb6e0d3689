/** envoy.config.endpoint.v3.ClusterLoadAssignment: the endpoints of a cluster. */
import type { ClusterLoadAssignment } from '../../../proto/envoy.ts';
import type { AssignmentConfig, EndpointConfig, LocalityConfig } from '../../model/config.ts';
import { readAddress } from './address.ts';
import { checkFields, fieldTable } from './fields.ts';
import { decodeWith, type StructMessage, structToJson } from './messages.ts';
import { type Decoded, type Place, unsupported } from './problems.ts';
import type { EndpointsResource } from './resources.ts';
import { required, uint32Within } from './values.ts';
import { maxWeightSum } from './weights.ts';

type Locality = NonNullable<ClusterLoadAssignment['endpoints']>[number];
type LbEndpoint = NonNullable<Locality['lb_endpoints']>[number];

const assignmentFields = fieldTable('envoy.config.endpoint.v3.ClusterLoadAssignment', {
  carried: ['cluster_name', 'endpoints', 'policy'],
  ignored: ['named_endpoints'], // only `endpoint_name` could point there, and that is refused
});

const policyFields = fieldTable('envoy.config.endpoint.v3.ClusterLoadAssignment.Policy', {
  // both speak of spilling over to other priorities, of which there are none
  ignored: ['overprovisioning_factor', 'weighted_priority_health'],
});

const localityFields = fieldTable('envoy.config.endpoint.v3.LocalityLbEndpoints', {
  carried: ['locality', 'lb_endpoints', 'priority'],
  // a locality's weight counts in locality-weighted balancing only, which clusters cannot ask for
  ignored: ['metadata', 'load_balancing_weight', 'proximity'],
});

const endpointFields = fieldTable('envoy.config.endpoint.v3.LbEndpoint', {
  carried: ['endpoint', 'health_status', 'metadata', 'load_balancing_weight'],
});

const hostFields = fieldTable('envoy.config.endpoint.v3.Endpoint', {
  carried: ['address', 'health_check_config'],
  ignored: ['hostname'], // used by host rewriting only, which is refused
});

const hostCheckFields = fieldTable('envoy.config.endpoint.v3.Endpoint.HealthCheckConfig', {});

const healthOf: Readonly<Record<string, EndpointConfig['health']>> = {
  UNKNOWN: 'healthy',
  HEALTHY: 'healthy',
  DRAINING: 'draining',
  UNHEALTHY: 'unhealthy',
  TIMEOUT: 'unhealthy',
  DEGRADED: 'degraded',
};

export function decodeEndpoints(bytes: Uint8Array): Decoded<EndpointsResource> {
  return decodeWith('envoy.config.endpoint.v3.ClusterLoadAssignment', bytes, (place, message) => ({
    name: required(place.field('cluster_name'), message.cluster_name),
    assignment: readAssignment(place, message),
  }));
}

export const noAssignment: AssignmentConfig = Object.freeze({
  endpoints: [],
  overprovisioningPercent: 140,
  weightedPriorityHealth: false,
});

/** The endpoints of all localities in one list, by address and port. Also for an assignment inside a cluster. */
export function readAssignment(place: Place, message: ClusterLoadAssignment): AssignmentConfig {
  checkFields(place, message, assignmentFields);
  checkFields(place.field('policy'), message.policy ?? {}, policyFields);
  const keys = new Set<string>();
  const endpoints = (message.endpoints ?? []).flatMap((locality, index) =>
    readLocality(place.item('endpoints', index), locality, keys),
  );
  if (endpoints.reduce((sum, { weight }) => sum + weight, 0) > maxWeightSum) {
    place.refuse(`load_balancing_weight of all endpoints sums to more than ${maxWeightSum}`);
  }
  return { ...noAssignment, endpoints: endpoints.sort(byAddressAndPort) };
}

function readLocality(place: Place, message: Locality, keys: Set<string>): EndpointConfig[] {
  checkFields(place, message, localityFields);
  if ((message.priority ?? 0) > 0) place.field('priority').refuse(`priorities ${unsupported}`);
  const { region = '', zone = '', sub_zone: subZone = '' } = message.locality ?? {};
  const locality = { region, zone, subZone, priority: 0, weight: 0 };
  return (message.lb_endpoints ?? []).map((one, index) => {
    const at = place.item('lb_endpoints', index);
    const endpoint = readEndpoint(at, one, locality);
    if (keys.has(endpoint.key)) at.refuse(`${endpoint.key} is in this assignment already`);
    keys.add(endpoint.key);
    return endpoint;
  });
}

function readEndpoint(place: Place, message: LbEndpoint, locality: LocalityConfig): EndpointConfig {
  checkFields(place, message, endpointFields);
  const host = message.endpoint ?? {};
  const at = place.field('endpoint');
  checkFields(at, host, hostFields);
  checkFields(at.field('health_check_config'), host.health_check_config ?? {}, hostCheckFields);
  const { address, port } = readAddress(at.field('address'), host.address, { minPort: 1 });
  const status = message.health_status ?? 'UNKNOWN';
  const health = healthOf[status];
  if (health === undefined) place.field('health_status').refuse(`${status} is ${unsupported}`);
  return {
    key: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
    address,
    port,
    weight: uint32Within(place.field('load_balancing_weight'), message.load_balancing_weight, 1, 1),
    locality,
    hostname: '',
    hashKey: '',
    health: health ?? 'healthy',
    labels: readLabels(message.metadata?.filter_metadata?.['envoy.lb'] as StructMessage | undefined),
  };
}

/** Labels are texts; other values could not be matched by anything. */
function readLabels(struct: StructMessage | undefined): Record<string, string> {
  const entries = Object.entries(structToJson(struct ?? {}));
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function byAddressAndPort(a: EndpointConfig, b: EndpointConfig): number {
  if (a.address !== b.address) return a.address < b.address ? -1 : 1;
  return a.port - b.port;
}
