import { expect, test } from 'vitest';
import type { Cluster } from '../../../proto/envoy.ts';
import { nowhere } from '../../testing.ts';
import { decodeCluster } from './cluster.ts';
import { edsCluster, lbEndpoint, problemsOf, refusals, seconds, taken } from './testing.ts';

const name = lbEndpoint('orders.internal', 80);

function named(patch: Partial<Cluster> = {}) {
  const load_assignment = { endpoints: [{ lb_endpoints: [name] }] };
  return decodeCluster(edsCluster({ type: 'STRICT_DNS', eds_cluster_config: null, load_assignment, ...patch }));
}

const orders = {
  ...{ hostname: 'orders.internal', port: 80, weight: 1, locality: nowhere },
  ...{ health: 'healthy', labels: {}, hashKey: '' },
};

test('names are looked up every five seconds, and as often after a failure, if nothing else is said', () => {
  const { config, endpoints } = taken(named());
  expect(config.dns).toEqual({
    ...{ type: 'strict', names: [orders], family: 'auto', refreshMs: 5_000, respectTtl: false, jitterMs: 0 },
    failureRefresh: { baseMs: 5_000, maxMs: 5_000 },
  });
  expect(endpoints).toMatchObject({ type: 'inline', assignment: { endpoints: [] } });
});

test('all may be said', () => {
  const { config, endpoints } = taken(
    named({
      type: 'LOGICAL_DNS',
      ...{ dns_refresh_rate: seconds(60), respect_dns_ttl: true, dns_lookup_family: 'V4_PREFERRED' },
      ...{ dns_failure_refresh_rate: { base_interval: seconds(2) }, dns_jitter: seconds(1) },
      typed_dns_resolver_config: {
        typed_config: {
          type_url: 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig',
          value: Buffer.of(),
        },
      },
      load_assignment: {
        policy: { overprovisioning_factor: { value: 120 } },
        endpoints: [
          {
            ...{ locality: { zone: 'a' }, priority: 2, load_balancing_weight: { value: 3 } },
            lb_endpoints: [
              {
                endpoint: { ...name.endpoint, hostname: 'orders.internal', health_check_config: { port_value: 81 } },
                load_balancing_weight: { value: 4 },
              },
            ],
          },
        ],
      },
    }),
  );
  expect(config.dns).toEqual({
    ...{ type: 'logical', family: 'v4-preferred', refreshMs: 60_000, respectTtl: true, jitterMs: 1_000 },
    failureRefresh: { baseMs: 2_000, maxMs: 20_000 },
    names: [
      {
        ...{ ...orders, weight: 4, locality: { ...nowhere, zone: 'a', priority: 2, weight: 3 } },
        healthCheck: { address: '', port: 81, hostname: '', disabled: false },
      },
    ],
  });
  expect(endpoints).toMatchObject({ assignment: { overprovisioningPercent: 120 } });
});

test('an address may stand in the place of a name', () => {
  const load_assignment = { endpoints: [{ lb_endpoints: [lbEndpoint('2001:DB8::0001', 80)] }] };
  expect(taken(named({ load_assignment })).config.dns?.names[0]?.hostname).toBe('2001:db8::1');
});

const unsupported = 'not supported by this data plane';
const resolver = (type: string, value: Buffer) => ({
  typed_dns_resolver_config: { typed_config: { type_url: `type.googleapis.com/${type}`, value } },
});
const at = 'load_assignment.endpoints[0].lb_endpoints[0].endpoint';
test.each(
  refusals<Partial<Cluster>>(
    [
      { dns_resolvers: [{}], use_tcp_for_dns_lookups: true, dns_resolution_config: {} },
      ['dns_resolvers', 'use_tcp_for_dns_lookups', 'dns_resolution_config'].map((field) => `${field}: ${unsupported}`),
    ],
    [resolver('x.Resolver', Buffer.of()), [`typed_dns_resolver_config.typed_config: x.Resolver is ${unsupported}`]],
    [
      resolver('envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig', Buffer.of(24, 1)),
      [`typed_dns_resolver_config.typed_config: settings of a resolver are ${unsupported}`],
    ],
    [
      { load_assignment: { endpoints: [{ lb_endpoints: [lbEndpoint('a b', 0)] }] } },
      [
        `${at}.address.socket_address.address: must be the name of a host`,
        `${at}.address.socket_address.port_value: must be between 1 and 65535`,
      ],
    ],
    [
      { load_assignment: { endpoints: [{ lb_endpoints: [{ endpoint: { ...name.endpoint, hostname: 'other' } }] }] } },
      [`${at}.hostname: other than the address is ${unsupported}`],
    ],
  ),
)('names are refused: $law', ({ patch, expected }) => {
  expect(problemsOf(named(patch))).toEqual(expected);
});
