import { expect, test } from 'vitest';
import type { ClusterLoadAssignment } from '../../../proto/envoy.ts';
import { nowhere } from '../../testing.ts';
import { decodeEndpoints } from './endpoints.ts';
import { assignment, lbEndpoint, problemsOf, refusals, taken } from './testing.ts';

const unsupported = 'not supported by this data plane';
type Endpoint = NonNullable<NonNullable<ClusterLoadAssignment['endpoints']>[number]['lb_endpoints']>[number];

const endpointsOf = (...endpoints: Endpoint[]) =>
  taken(decodeEndpoints(assignment({ endpoints: [{ lb_endpoints: endpoints }] }))).assignment.endpoints;

test('all localities come in one list, by address and port, each endpoint with its zone', () => {
  const {
    name,
    assignment: { endpoints },
  } = taken(
    decodeEndpoints(
      assignment({
        endpoints: [
          {
            locality: { region: 'r', zone: 'b' },
            lb_endpoints: [lbEndpoint('10.0.0.2', 81), lbEndpoint('10.0.0.2', 80)],
          },
          { locality: { zone: 'a' }, lb_endpoints: [lbEndpoint('10.0.0.1', 80)] },
        ],
      }),
    ),
  );
  expect(name).toBe('checkout/orders');
  expect(endpoints.map(({ key, locality }) => [key, locality.zone])).toEqual([
    ['10.0.0.1:80', 'a'],
    ['10.0.0.2:80', 'b'],
    ['10.0.0.2:81', 'b'],
  ]);
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
    [{ endpoints: [{ priority: 1 }] }, [`endpoints[0].priority: priorities ${unsupported}`]],
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
      ['endpoints[1].lb_endpoints[0]: [::1]:80 is in this assignment already'],
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
