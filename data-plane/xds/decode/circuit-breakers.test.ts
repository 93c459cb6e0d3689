import { expect, test } from 'vitest';
import type { Cluster } from '../../../proto/envoy.ts';
import { decodeCluster } from './cluster.ts';
import { edsCluster, problemsOf, refusals, taken } from './testing.ts';

type Breakers = NonNullable<Cluster['circuit_breakers']>;

const decoded = (circuit_breakers: Breakers) => taken(decodeCluster(edsCluster({ circuit_breakers }))).config;
const defaults = {
  connections: 1_024,
  pending: 1_024,
  requests: 1_024,
  connectionsPerEndpoint: Number.POSITIVE_INFINITY,
};

test.each<[string, Breakers, object]>([
  ['nothing', {}, defaults],
  [
    'another priority, which no request has',
    { thresholds: [{ priority: 'HIGH', max_requests: { value: 1 } }] },
    defaults,
  ],
  [
    'everything; the first of two counts, as in Envoy',
    {
      thresholds: [
        {
          ...{ max_connections: { value: 1 }, max_pending_requests: { value: 2 }, max_requests: { value: 0 } },
          ...{ max_connection_pools: { value: 1 }, track_remaining: true },
        },
        { max_connections: { value: 9 } },
      ],
      per_host_thresholds: [{ priority: 'HIGH' }, { max_connections: { value: 4 } }],
    },
    { connections: 1, pending: 2, requests: 0, connectionsPerEndpoint: 4 },
  ],
  [
    'the largest number, which is none',
    { thresholds: [{ max_requests: { value: 4_294_967_295 } }] },
    { ...defaults, requests: Number.POSITIVE_INFINITY },
  ],
])('breakers that say %s', (_law, said, expected) => {
  expect(decoded(said).breakers).toEqual(expected);
});

test.each<[Breakers, object]>([
  [{}, { percent: 0, least: 3 }],
  [{ thresholds: [{ max_retries: { value: 7 } }] }, { percent: 0, least: 7 }],
  [{ thresholds: [{ retry_budget: {} }] }, { percent: 20, least: 3 }],
  [
    { thresholds: [{ retry_budget: { budget_percent: { value: 12.5 }, min_retry_concurrency: { value: 1 } } }] },
    { percent: 12.5, least: 1 },
  ],
])('retries at a time: %j', (said, expected) => {
  expect(decoded(said).retryBudget).toEqual(expected);
});

test.each(
  refusals<Breakers>([
    { per_host_thresholds: [{ max_requests: { value: 1 } }] },
    ['circuit_breakers.per_host_thresholds[0].max_requests: not supported by this data plane'],
  ]),
)('breakers are refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeCluster(edsCluster({ circuit_breakers: patch })))).toEqual(expected);
});
