import { expect, test } from 'vitest';
import { clusterMessage } from './clusters.ts';
import { translateGroup } from './group.ts';
import { keyedPolicy } from './retry-policy.ts';
import { asJson, documentSet, typed } from './testing.ts';

type Written = Readonly<Record<string, unknown>>;

interface Host {
  readonly retry_policy: unknown;
  readonly routes: readonly { readonly name: string; readonly route: Written }[];
}

/** The host of a tenant's routes, as JSON. */
function hostOf(specs: readonly Written[], caps: Written = {}): Host {
  const documents = [
    typed('Listener', 'public'),
    typed('Tenant', 'shop', { claims: { host: 'shop.example.com' }, caps }),
    typed('Cluster', 'shop/orders'),
    ...specs.map((spec, index) => typed('Route', `shop/r${index}`, { to: { cluster: 'orders' }, ...spec })),
  ];
  const [host] = translateGroup(documentSet(documents), 'edge').virtualHosts;
  return asJson('virtualHosts', host!.message) as unknown as Host;
}
const actionOf = (spec: Written) => hostOf([spec]).routes[0]!.route;
const policyOf = (retry: Written, caps: Written = {}) => hostOf([{ retry }], caps).retry_policy;

const idempotent = [{ name: ':method', string_match: { safe_regex: { regex: 'GET|HEAD|OPTIONS|PUT|DELETE' } } }];
const otherHost = {
  retry_host_predicate: [
    {
      name: 'envoy.retry_host_predicates.previous_hosts',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
      },
    },
  ],
  host_selection_retry_max_attempts: '5',
};
const defaults = {
  retry_on: 'connect-failure,refused-stream,reset',
  num_retries: 2,
  retry_back_off: { base_interval: '0.025s', max_interval: '0.250s' },
  ...otherHost,
  retriable_request_headers: idempotent,
};

test('a route that says nothing: idempotent methods, twice, elsewhere, after what no endpoint answered', () => {
  expect(policyOf({})).toEqual(defaults);
});

test('a route that says everything', () => {
  const retry = {
    on: ['5xx', 'retriable-4xx', 429, 'unavailable', 404],
    attempts: 4,
    perTry: '3s',
    backoff: { base: '1s', max: '2s' },
    otherHost: false,
    anyMethod: true,
  };
  expect(policyOf(retry)).toEqual({
    retry_on: '5xx,retriable-4xx,unavailable,retriable-status-codes',
    retriable_status_codes: [429, 404],
    num_retries: 4,
    per_try_timeout: '3s',
    retry_back_off: { base_interval: '1s', max_interval: '2s' },
  });
});

test("a tenant's cap holds for a route that does not say how many", () => {
  expect(policyOf({}, { retries: 1 })).toEqual({ ...defaults, num_retries: 1 });
  expect(policyOf({}, { retries: 7 })).toEqual(defaults);
  expect(policyOf({}, { retries: 0 })).toEqual({ num_retries: 0 });
});

test('without retries a try may still have a time of its own', () => {
  expect(policyOf({ attempts: 0 })).toEqual({ num_retries: 0 });
  expect(policyOf({ attempts: 0, perTry: '1s' })).toEqual({ num_retries: 0, per_try_timeout: '1s' });
});

test('what most routes of a host say is said once, and the others say their own', () => {
  const retries = [{}, { attempts: 0 }, {}, { attempts: 1 }].map((retry) => ({ retry }));
  const { retry_policy, routes } = hostOf(retries);
  expect(retry_policy).toEqual(defaults);
  expect(Object.fromEntries(routes.map(({ name, route }) => [name, route['retry_policy']]))).toEqual({
    ...{ 'shop/r0': undefined, 'shop/r1': { num_retries: 0 }, 'shop/r2': undefined },
    'shop/r3': { ...defaults, num_retries: 1 },
  });
});

test('a stream idle timeout is said where the route says one', () => {
  expect(actionOf({})).not.toHaveProperty('idle_timeout');
  expect(actionOf({ streamIdleTimeout: '0s' })).toHaveProperty('idle_timeout', '0s');
});

test("gRPC's own clients are told their own conditions alone", () => {
  const policy = (retry: Written): unknown => {
    const documents = [
      typed('Listener', 'mesh', { address: undefined, port: undefined, protocol: 'api' }),
      typed('Cluster', 'orders', { protocol: 'grpc' }),
      typed('Route', 'orders', { retry }),
    ];
    const [listener] = translateGroup(documentSet(documents), 'edge').listeners;
    return /"retry_policy":(\{.*?\}\})/.exec(JSON.stringify(asJson('listeners', listener!.message)))?.[1];
  };
  expect(policy({})).toBeUndefined();
  expect(policy({ on: 'unavailable', attempts: 0 })).toBeUndefined();
  expect(JSON.parse(String(policy({ on: ['unavailable', 'cancelled'] })))).toEqual({
    retry_on: 'unavailable,cancelled',
    num_retries: 2,
    retry_back_off: { base_interval: '0.025s', max_interval: '0.250s' },
  });
});

test('a cluster has its retry budget', () => {
  const cluster = typed('Cluster', 'orders', { breakers: { retryBudget: '12.5%' } });
  const json = asJson('clusters', clusterMessage(documentSet([cluster]), cluster));
  expect(json).toHaveProperty('circuit_breakers.thresholds.0.retry_budget.budget_percent.value', 12.5);
});

test('routes that say the same of retries share one policy, however many they are', () => {
  const [a, b, other] = [{}, {}, { attempts: 1 }].map((retry, index) => typed('Route', `shop/r${index}`, { retry }));
  expect(keyedPolicy(b!, 2)).toBe(keyedPolicy(a!, 2));
  expect(keyedPolicy(other!, 1).key).not.toBe(keyedPolicy(a!, 2).key);
});
