import { expect, test } from 'vitest';
import { encode } from '../../proto/codec.ts';
import { clusterLoadAssignment, endpointsName } from './endpoints.ts';
import { asJson, typed } from './testing.ts';

type Written = Readonly<Record<string, unknown>>;

function endpoint(address: string, port: number, more: Written = {}): Written {
  return { address, port, ...more };
}

function assignment(endpoints: readonly Written[]) {
  return clusterLoadAssignment(typed('Cluster', 'checkout/orders', { endpoints }), false);
}

test('endpoints stand by zone, then address, then port as a number, whatever the order they were written in', () => {
  const endpoints = [
    endpoint('10.0.0.2', 80),
    endpoint('10.0.0.1', 8080),
    endpoint('10.0.0.9', 80, { zone: 'a' }),
    endpoint('10.0.0.1', 900),
  ];
  const message = assignment(endpoints);
  expect(asJson('endpoints', message)).toMatchObject({
    cluster_name: 'checkout/orders',
    endpoints: [
      {
        locality: {},
        lb_endpoints: [
          { endpoint: { address: { socket_address: { address: '10.0.0.1', port_value: 900 } } } },
          { endpoint: { address: { socket_address: { address: '10.0.0.1', port_value: 8080 } } } },
          { endpoint: { address: { socket_address: { address: '10.0.0.2', port_value: 80 } } } },
        ],
      },
      {
        locality: { zone: 'a' },
        lb_endpoints: [{ endpoint: { address: { socket_address: { address: '10.0.0.9' } } } }],
      },
    ],
  });
  const name = 'envoy.config.endpoint.v3.ClusterLoadAssignment';
  expect(encode(name, assignment(endpoints.toReversed()))).toEqual(encode(name, message));
});

test('each endpoint says its weight, and its labels as metadata for load balancing', () => {
  const [locality] = assignment([endpoint('10.0.0.1', 80, { weight: 3, labels: { version: 'v2' } })]).endpoints ?? [];
  expect(locality?.lb_endpoints).toMatchObject([
    {
      load_balancing_weight: { value: 3 },
      metadata: { filter_metadata: { 'envoy.lb': { fields: { version: { stringValue: 'v2' } } } } },
    },
  ]);
  expect(locality).not.toHaveProperty('load_balancing_weight');
});

test('priorities come first, counted without the gaps that people and disabled endpoints leave', () => {
  const message = assignment([
    endpoint('10.0.0.1', 1, { priority: 7, zone: 'a' }),
    endpoint('10.0.0.2', 1, { priority: 2, zone: 'b' }),
    endpoint('10.0.0.3', 1, { priority: 2, zone: 'a' }),
    endpoint('10.0.0.4', 1, { state: 'disabled' }),
    endpoint('10.0.0.5', 1, { backup: true }),
  ]);
  const places = message.endpoints?.map(({ priority, locality, lb_endpoints: all }) => [
    ...[priority ?? 0, locality?.zone ?? ''],
    ...(all ?? []).map(({ endpoint }) => endpoint?.address?.socket_address?.address),
  ]);
  expect(places).toEqual([
    [0, 'a', '10.0.0.3'],
    [0, 'b', '10.0.0.2'],
    [1, 'a', '10.0.0.1'],
    [2, '', '10.0.0.5'],
  ]);
});

test.each(['http1', 'grpc'])(
  'zones of a cluster of %s weigh what it says, and a zone of weight 0 nothing',
  (protocol) => {
    const endpoints = [
      endpoint('10.0.0.1', 1, { zone: 'a' }),
      endpoint('10.0.0.2', 1, { zone: 'b' }),
      endpoint('10.0.0.3', 1, { zone: 'a', backup: true }),
    ];
    const balance = { policy: 'round-robin', localities: { a: 3, b: 0 } };
    const cluster = typed('Cluster', 'orders', { protocol, endpoints, balance });
    const weights = clusterLoadAssignment(cluster, false).endpoints?.map((one) => one.load_balancing_weight?.value);
    expect(weights).toEqual([3, undefined, 3]);
  },
);

test('a draining endpoint is sent as DRAINING, a disabled one is not sent', () => {
  const message = assignment([
    endpoint('10.0.0.1', 80, { state: 'draining' }),
    endpoint('10.0.0.2', 80, { state: 'disabled' }),
    endpoint('10.0.0.3', 80),
  ]);
  expect(message.endpoints?.[0]?.lb_endpoints?.map(({ health_status }) => health_status)).toEqual([
    'DRAINING',
    undefined,
  ]);
});

test('a cluster without endpoints still has its assignment, so that nobody waits for one', () => {
  expect(asJson('endpoints', assignment([]))).toEqual({
    '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
    cluster_name: 'checkout/orders',
  });
});

test('checked endpoints are named by the first that is enabled, so that none in place means another resource', () => {
  const nameOf = (endpoints: readonly Written[], checked: boolean) =>
    endpointsName(typed('Cluster', 'checkout/orders', { endpoints }), checked);
  const [a, b, c] = [endpoint('10.0.0.1', 80), endpoint('10.0.0.2', 80), endpoint('10.0.0.3', 80)];
  expect(nameOf([b, a], true)).toBe('checkout/orders@10.0.0.1:80');
  expect(nameOf([a, c], true)).toBe('checkout/orders@10.0.0.1:80');
  expect(nameOf([endpoint('10.0.0.1', 80, { state: 'draining' }), c], true)).toBe('checkout/orders@10.0.0.3:80');
  expect(nameOf([endpoint('10.0.0.1', 80, { state: 'disabled' })], true)).toBe('checkout/orders');
  expect(nameOf([a, b], false)).toBe('checkout/orders');
  const message = clusterLoadAssignment(typed('Cluster', 'checkout/orders', { endpoints: [b, a] }), true);
  expect(message.cluster_name).toBe('checkout/orders@10.0.0.1:80');
});

test('nodes of a group stand as endpoints do, by zone, address and port; one that drains is sent as DRAINING', () => {
  const nodes = { group: 'edge', listener: 'public' };
  const health = { active: { tcp: {} } };
  const cluster = typed('Cluster', 'front', { endpoints: undefined, nodes, health });
  const node = { node: 'n', zone: '', draining: false };
  const placed = [
    { ...node, address: '10.0.0.9', port: 8080, zone: 'b' },
    { ...node, address: '10.0.0.1', port: 900, zone: 'a', draining: true },
    { ...node, address: '10.0.0.1', port: 8080, zone: 'a' },
  ];
  const message = clusterLoadAssignment(cluster, true, placed);
  expect(message.cluster_name).toBe('front');
  const said = message.endpoints?.map(({ locality, lb_endpoints: all = [] }) => [
    locality?.zone,
    ...all.map(({ endpoint, health_status, load_balancing_weight }) => {
      const { address, port_value } = endpoint?.address?.socket_address ?? {};
      return [address, port_value, health_status, load_balancing_weight?.value];
    }),
  ]);
  expect(said).toEqual([
    ['a', ['10.0.0.1', 900, 'DRAINING', 1], ['10.0.0.1', 8080, undefined, 1]],
    ['b', ['10.0.0.9', 8080, undefined, 1]],
  ]);
  expect(clusterLoadAssignment(cluster, true, placed)).toBe(message);
  expect(clusterLoadAssignment(cluster, true, placed.slice(1))).not.toBe(message);
});
