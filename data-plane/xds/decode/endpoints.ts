/** envoy.config.endpoint.v3.ClusterLoadAssignment: the endpoints of a cluster. */
import type { ClusterLoadAssignment } from '../../../proto/envoy.ts';
import type {
  AssignmentConfig,
  DnsConfig,
  EndpointCheckConfig,
  EndpointConfig,
  LocalityConfig,
} from '../../model/config.ts';
import { readAddress, readNamedAddress } from './address.ts';
import { checkFields, fieldTable } from './fields.ts';
import { labelsOf } from './labels.ts';
import { decodeWith } from './messages.ts';
import { type Decoded, type Place, unsupported } from './problems.ts';
import type { EndpointsResource } from './resources.ts';
import { required, uint32Within, wireText } from './values.ts';
import { maxWeightSum } from './weights.ts';

type Locality = NonNullable<ClusterLoadAssignment['endpoints']>[number];
type LbEndpoint = NonNullable<Locality['lb_endpoints']>[number];
type HostCheck = NonNullable<NonNullable<LbEndpoint['endpoint']>['health_check_config']>;

/** Envoy's. */
const mostPriority = 128;

const assignmentFields = fieldTable('envoy.config.endpoint.v3.ClusterLoadAssignment', {
  carried: ['cluster_name', 'endpoints', 'policy'],
  ignored: ['named_endpoints'], // only `endpoint_name` could point there, and that is refused
});

const policyFields = fieldTable('envoy.config.endpoint.v3.ClusterLoadAssignment.Policy', {
  carried: ['overprovisioning_factor', 'weighted_priority_health'],
});

const localityFields = fieldTable('envoy.config.endpoint.v3.LocalityLbEndpoints', {
  carried: ['locality', 'lb_endpoints', 'priority', 'load_balancing_weight'],
  // no policy goes by how near a locality is
  ignored: ['metadata', 'proximity'],
});

const endpointFields = fieldTable('envoy.config.endpoint.v3.LbEndpoint', {
  carried: ['endpoint', 'health_status', 'metadata', 'load_balancing_weight'],
});

const hostFields = fieldTable('envoy.config.endpoint.v3.Endpoint', {
  carried: ['address', 'health_check_config', 'hostname'],
});

const hostCheckFields = fieldTable('envoy.config.endpoint.v3.Endpoint.HealthCheckConfig', {
  carried: ['port_value', 'hostname', 'address', 'disable_active_health_check'],
});

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

/** The endpoints of all localities in one list, in their order. Also for an assignment inside a cluster. */
export function readAssignment(place: Place, message: ClusterLoadAssignment): AssignmentConfig {
  const priorities = new Map<string, number>();
  const endpoints = readMembers(place, message, (at, one, locality) => {
    const endpoint = readEndpoint(at, one, locality);
    const { key } = endpoint;
    if (priorities.get(key) === locality.priority) at.refuse(`${key} is in this priority already`);
    // as in Envoy the first one counts
    if (priorities.has(key)) return null;
    priorities.set(key, locality.priority);
    return endpoint;
  });
  return { ...readPolicy(place, message), endpoints };
}

export interface Names {
  readonly names: DnsConfig['names'];
  /** Nothing is found yet. */
  readonly assignment: AssignmentConfig;
}

/** As {@link readAssignment}, of endpoints whose addresses are to be looked up. */
export function readNames(place: Place, message: ClusterLoadAssignment): Names {
  const names = readMembers(place, message, readName);
  return { names, assignment: { ...readPolicy(place, message), endpoints: [] } };
}

function readName(place: Place, message: LbEndpoint, locality: LocalityConfig): DnsConfig['names'][number] {
  const at = place.field('endpoint');
  const { hostname, port } = readNamedAddress(at.field('address'), message.endpoint?.address);
  const member = readMember(place, message, locality);
  if (member.hostname !== '' && member.hostname !== hostname) {
    at.field('hostname').refuse(`other than the address is ${unsupported}`);
  }
  return { ...member, hostname, port };
}

function readPolicy(place: Place, { policy }: ClusterLoadAssignment): Omit<AssignmentConfig, 'endpoints'> {
  const at = place.field('policy');
  checkFields(at, policy ?? {}, policyFields);
  const factor = policy?.overprovisioning_factor;
  return {
    overprovisioningPercent: uint32Within(at.field('overprovisioning_factor'), factor, 140, 1),
    weightedPriorityHealth: policy?.weighted_priority_health ?? false,
  };
}

/** What `read` makes of the members of all localities; null: nothing. */
function readMembers<M extends { readonly weight: number }>(
  place: Place,
  message: ClusterLoadAssignment,
  read: (place: Place, member: LbEndpoint, locality: LocalityConfig) => M | null,
): M[] {
  checkFields(place, message, assignmentFields);
  const localities = new Map<string, LocalityConfig>();
  const members = (message.endpoints ?? []).flatMap((one, index) => {
    const at = place.item('endpoints', index);
    const locality = readLocality(at, one, localities);
    return (one.lb_endpoints ?? []).flatMap(
      (member, at2) => read(at.item('lb_endpoints', at2), member, locality) ?? [],
    );
  });
  checkWeights(place, 'all endpoints', members);
  for (const [priority, ones] of Map.groupBy(localities.values(), (locality) => locality.priority)) {
    checkWeights(place, `the localities of priority ${priority}`, ones);
  }
  return members;
}

function checkWeights(place: Place, whose: string, weighted: readonly { readonly weight: number }[]): void {
  if (weighted.reduce((sum, { weight }) => sum + weight, 0) <= maxWeightSum) return;
  place.refuse(`load_balancing_weight of ${whose} sums to more than ${maxWeightSum}`);
}

/** One object for all that say the same place. */
function readLocality(place: Place, message: Locality, known: Map<string, LocalityConfig>): LocalityConfig {
  checkFields(place, message, localityFields);
  const { region = '', zone = '', sub_zone: subZone = '' } = message.locality ?? {};
  const priority = message.priority ?? 0;
  if (priority > mostPriority) place.field('priority').refuse(`must be between 0 and ${mostPriority}`);
  const said = message.load_balancing_weight;
  const weight = said ? uint32Within(place.field('load_balancing_weight'), said, 0, 1) : 0;
  const key = JSON.stringify([priority, region, zone, subZone]);
  const before = known.get(key);
  if (before === undefined) {
    const locality = { region, zone, subZone, priority, weight };
    known.set(key, locality);
    return locality;
  }
  if (before.weight !== weight)
    place.field('load_balancing_weight').refuse('differs from what this locality has already');
  return before;
}

function readEndpoint(place: Place, message: LbEndpoint, locality: LocalityConfig): EndpointConfig {
  const { address, port } = readAddress(place.field('endpoint').field('address'), message.endpoint?.address, {
    minPort: 1,
  });
  return { key: keyOf(address, port), address, port, ...readMember(place, message, locality) };
}

function keyOf(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** All but where it is. */
function readMember(
  place: Place,
  message: LbEndpoint,
  locality: LocalityConfig,
): Omit<EndpointConfig, 'key' | 'address' | 'port'> {
  checkFields(place, message, endpointFields);
  const host = message.endpoint ?? {};
  const at = place.field('endpoint');
  checkFields(at, host, hostFields);
  const status = message.health_status ?? 'UNKNOWN';
  const health = healthOf[status];
  if (health === undefined) place.field('health_status').refuse(`${status} is ${unsupported}`);
  const labels = labelsOf(message.metadata?.filter_metadata?.['envoy.lb']);
  const check = host.health_check_config;
  return {
    weight: uint32Within(place.field('load_balancing_weight'), message.load_balancing_weight, 1, 1),
    locality,
    hostname: host.hostname ?? '',
    hashKey: labels['hash_key'] ?? '',
    health: health ?? 'healthy',
    labels,
    ...(check && { healthCheck: readCheck(at.field('health_check_config'), check) }),
  };
}

function readCheck(place: Place, message: HostCheck): EndpointCheckConfig {
  checkFields(place, message, hostCheckFields);
  const port = message.port_value ?? 0;
  if (port > 65_535) place.field('port_value').refuse('must be between 0 and 65535');
  const elsewhere = message.address && readAddress(place.field('address'), message.address, { minPort: 0 });
  return {
    address: elsewhere?.address ?? '',
    port: port || (elsewhere?.port ?? 0),
    hostname: wireText(place.field('hostname'), message.hostname ?? ''),
    disabled: message.disable_active_health_check ?? false,
  };
}
