import { expect, test } from 'vitest';
import type { ClusterLoadAssignment } from '../../../proto/envoy.ts';
import { nowhere } from '../../testing.ts';
import { decodeEndpoints } from './endpoints.ts';
import { assignment, lbEndpoint, problemsOf, refusals, seconds, taken } from './testing.ts';

const unsupported = 'not supported by this data plane';
type Endpoint = NonNullable<NonNullable<ClusterLoadAssignment['endpoints']>[number]['lb_endpoints']>[number];

const endpointsOf = (...endpoints: Endpoint[]) =>
  taken(decodeEndpoints(assignment({ endpoints: [{ lb_endpoints: endpoints }] }))).assignment.endpoints;

const decoded = (patch: Partial<ClusterLoadAssignment>) => taken(decodeEndpoints(assignment(patch)));

test('all localities come in one list, in the order of the message, on which rings depend', () => {
  const { name, assignment } = decoded({
    endpoints: [
      {
        ...{ locality: { region: 'r', zone: 'b', sub_zone: 's' }, load_balancing_weight: { value: 3 }, priority: 1 },
        ...{ lb_endpoints: [lbEndpoint('10.0.0.2', 81), lbEndpoint('10.0.0.2', 80)], proximity: { value: 9 } },
      },
      { locality: { zone: 'a' }, lb_endpoints: [lbEndpoint('10.0.0.1', 80)] },
    ],
  });
  expect(name).toBe('checkout/orders');
  expect(assignment.endpoints.map(({ key }) => key)).toEqual(['10.0.0.2:81', '10.0.0.2:80', '10.0.0.1:80']);
  const [one, two, other] = assignment.endpoints.map(({ locality }) => locality);
  expect(one).toEqual({ region: 'r', zone: 'b', subZone: 's', priority: 1, weight: 3 });
  expect(two).toBe(one);
  expect(other).toEqual({ ...nowhere, zone: 'a' });
});

test('a locality that comes twice is one', () => {
  const part = (port: number, priority: number) => ({
    ...{ locality: { zone: 'a' }, load_balancing_weight: { value: 2 }, priority },
    lb_endpoints: [lbEndpoint('10.0.0.1', port)],
  });
  const { endpoints } = decoded({ endpoints: [part(1, 0), part(2, 0), part(3, 1)] }).assignment;
  expect(endpoints[1]!.locality).toBe(endpoints[0]!.locality);
  expect(endpoints[2]!.locality.priority).toBe(1);
});

test('an endpoint of two priorities is of the first that names it, as in Envoy', () => {
  const at = (priority: number) => ({ priority, lb_endpoints: [lbEndpoint('10.0.0.1', 80)] });
  const { endpoints } = decoded({ endpoints: [at(1), at(0)] }).assignment;
  expect(endpoints.map(({ locality }) => locality.priority)).toEqual([1]);
});

test.each([
  [{}, { overprovisioningPercent: 140, weightedPriorityHealth: false }],
  [
    { overprovisioning_factor: { value: 100 }, weighted_priority_health: true },
    { overprovisioningPercent: 100, weightedPriorityHealth: true },
  ],
])('of priorities %j says %j', (policy, expected) => {
  expect(decoded({ policy }).assignment).toMatchObject(expected);
});

test('an endpoint may be known by a name, stand on a ring by another, and be checked elsewhere', () => {
  const metadata = { filter_metadata: { 'envoy.lb': { fields: { hash_key: { stringValue: 'k' } } } } } as never;
  const check = (health_check_config: object) => {
    const { endpoint } = lbEndpoint('10.0.0.1', 80);
    return endpointsOf({ endpoint: { ...endpoint, hostname: 'one', health_check_config }, metadata })[0];
  };
  const address = { socket_address: { address: '10.0.0.9', port_value: 9 } };
  expect(check({ port_value: 81, hostname: 'health', disable_active_health_check: true })).toMatchObject({
    ...{ hostname: 'one', hashKey: 'k' },
    healthCheck: { address: '', port: 81, hostname: 'health', disabled: true },
  });
  expect(check({ address })?.healthCheck).toEqual({ address: '10.0.0.9', port: 9, hostname: '', disabled: false });
  expect(check({ address, port_value: 81 })?.healthCheck).toMatchObject({ address: '10.0.0.9', port: 81 });
});

test('a hash key that is no text is none, as in Envoy', () => {
  const metadata = { filter_metadata: { 'envoy.lb': { fields: { hash_key: { numberValue: 1 } } } } } as never;
  expect(endpointsOf({ ...lbEndpoint('10.0.0.1', 80), metadata })[0]?.hashKey).toBe('');
});

test('an endpoint has weight 1, no zone, no labels and good health, if it says nothing else', () => {
  expect(endpointsOf(lbEndpoint('10.0.0.1', 80))).toEqual([
    {
      key: '10.0.0.1:80',
      address: '10.0.0.1',
      port: 80,
      weight: 1,
      locality: nowhere,
      health: 'healthy',
      ...{ labels: {}, hostname: '', hashKey: '' },
    },
  ]);
});

test('an IPv6 address is written in one way, whatever way it came', () => {
  expect(endpointsOf(lbEndpoint('2001:DB8:0:0::0001', 80))[0]).toMatchObject({
    key: '[2001:db8::1]:80',
    address: '2001:db8::1',
  });
});

test.each([
  ['UNKNOWN', 'healthy'],
  ['HEALTHY', 'healthy'],
  ['UNHEALTHY', 'unhealthy'],
  ['TIMEOUT', 'unhealthy'],
  ['DRAINING', 'draining'],
  ['DEGRADED', 'degraded'],
] as const)('health status %s is %s', (health_status, health) => {
  expect(endpointsOf({ ...lbEndpoint('10.0.0.1', 80), health_status })[0]?.health).toBe(health);
});

test('labels are the texts under envoy.lb', () => {
  const fields = { version: { stringValue: 'v2' }, canary: { boolValue: true } };
  const metadata = { filter_metadata: { 'envoy.lb': { fields }, other: { fields } } };
  expect(endpointsOf({ ...lbEndpoint('10.0.0.1', 80), metadata: metadata as never })[0]?.labels).toEqual({
    version: 'v2',
  });
});

test('an assignment may be empty', () => {
  expect(taken(decodeEndpoints(assignment({ endpoints: [] }))).assignment.endpoints).toEqual([]);
});

const at = 'endpoints[0].lb_endpoints[0]';
test.each(
  refusals<Partial<ClusterLoadAssignment>>(
    [{ cluster_name: '' }, ['cluster_name: must not be empty']],
    [{ policy: { drop_overloads: [{}] } }, [`policy.drop_overloads: ${unsupported}`]],
    [{ policy: { endpoint_stale_after: seconds(1) } }, [`policy.endpoint_stale_after: ${unsupported}`]],
    [
      { endpoints: [1, 2].map((value) => ({ load_balancing_weight: { value } })) },
      ['endpoints[1].load_balancing_weight: differs from what this locality has already'],
    ],
    [
      {
        endpoints: ['a', 'b'].map((zone) => ({ locality: { zone }, load_balancing_weight: { value: 4_000_000_000 } })),
      },
      ['load_balancing_weight of the localities of priority 0 sums to more than 4294967295'],
    ],
    [
      {
        endpoints: [
          { lb_endpoints: [{ endpoint: { ...lbEndpoint('::1', 80).endpoint, additional_addresses: [{}] } }] },
        ],
      },
      [`${at}.endpoint.additional_addresses: ${unsupported}`],
    ],
    [
      { endpoints: [{ leds_cluster_locality_config: {} }] },
      [`endpoints[0].leds_cluster_locality_config: ${unsupported}`],
    ],
    [{ endpoints: [{ lb_endpoints: [{}] }] }, [`${at}.endpoint.address: must be set`]],
    [
      { endpoints: [{ lb_endpoints: [lbEndpoint('orders.internal', 0)] }] },
      [
        `${at}.endpoint.address.socket_address.address: "orders.internal" is no IP address`,
        `${at}.endpoint.address.socket_address.port_value: must be between 1 and 65535`,
      ],
    ],
    [
      { endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: '/s' } } } }] }] },
      [`${at}.endpoint.address.pipe: ${unsupported}`],
    ],
    [
      { endpoints: [{ lb_endpoints: [{ ...lbEndpoint('10.0.0.1', 80), load_balancing_weight: {} }] }] },
      [`${at}.load_balancing_weight: must be between 1 and 4294967295`],
    ],
    [
      { endpoints: [{ lb_endpoints: [{ ...lbEndpoint('10.0.0.1', 80), health_status: 77 as never }] }] },
      [`${at}.health_status: 77 is ${unsupported}`],
    ],
    [
      {
        endpoints: [
          { lb_endpoints: [lbEndpoint('::1', 80)] },
          { locality: { zone: 'b' }, lb_endpoints: [lbEndpoint('0:0::1', 80)] },
        ],
      },
      ['endpoints[1].lb_endpoints[0]: [::1]:80 is in this priority already'],
    ],
    [
      {
        endpoints: [
          {
            lb_endpoints: [1, 2].map((n) => ({
              ...lbEndpoint('10.0.0.1', n),
              load_balancing_weight: { value: 4_000_000_000 },
            })),
          },
        ],
      },
      ['load_balancing_weight of all endpoints sums to more than 4294967295'],
    ],
  ),
)('an assignment is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeEndpoints(assignment(patch)))).toEqual(expected);
});
