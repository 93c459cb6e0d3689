/** envoy.config.cluster.v3.CircuitBreakers: of the priority that all requests have. */
import type { Cluster } from '../../../proto/envoy.ts';
import type { ClusterConfig } from '../../model/config.ts';
import { checkFields, type FieldTable, fieldTable } from './fields.ts';
import { type Place, unsupported } from './problems.ts';
import { percent, uint32, type Wrapped } from './values.ts';

type Breakers = NonNullable<Cluster['circuit_breakers']>;
type Thresholds = NonNullable<Breakers['thresholds']>[number];

const breakers = 'envoy.config.cluster.v3.CircuitBreakers';
const breakerFields = fieldTable(breakers, { carried: ['thresholds', 'per_host_thresholds'] });
const thresholdFields = fieldTable(`${breakers}.Thresholds`, {
  carried: ['priority', 'max_connections', 'max_pending_requests', 'max_requests', 'max_retries', 'retry_budget'],
  // gauges, and how many sets of connections there may be: there is one for each endpoint
  ignored: ['track_remaining', 'max_connection_pools'],
});
const hostFields = fieldTable(`${breakers}.Thresholds`, { carried: ['priority', 'max_connections'] });
const budgetFields = fieldTable(`${breakers}.Thresholds.RetryBudget`, {
  carried: ['budget_percent', 'min_retry_concurrency'],
});

/** Envoy's defaults count where nothing is said. */
export function readBreakers(
  place: Place,
  message: Cluster['circuit_breakers'],
): Pick<ClusterConfig, 'breakers' | 'retryBudget'> {
  const said = message ?? {};
  checkFields(place, said, breakerFields);
  const all = said.thresholds ?? [];
  for (const [index, one] of all.entries()) checkThreshold(place.item('thresholds', index), one, thresholdFields);
  const hosts = said.per_host_thresholds ?? [];
  for (const [index, one] of hosts.entries()) checkThreshold(place.item('per_host_thresholds', index), one, hostFields);
  const index = all.findIndex(isDefault);
  const own = all[index] ?? {};
  return {
    breakers: {
      connections: bound(own.max_connections, 1_024),
      pending: bound(own.max_pending_requests, 1_024),
      requests: bound(own.max_requests, 1_024),
      connectionsPerEndpoint: bound(hosts.find(isDefault)?.max_connections, Number.POSITIVE_INFINITY),
    },
    retryBudget: readRetryBudget(place.item('thresholds', index), own),
  };
}

function checkThreshold(place: Place, message: Thresholds, fields: FieldTable): void {
  checkFields(place, message, fields);
  const { priority = 'DEFAULT' } = message;
  if (priority !== 'DEFAULT' && priority !== 'HIGH') place.field('priority').refuse(`${priority} is ${unsupported}`);
}

function isDefault({ priority = 'DEFAULT' }: Thresholds): boolean {
  return priority === 'DEFAULT';
}

/** The largest number that there is stands for no bound. */
function bound(wrapped: Wrapped<number>, fallback: number): number {
  const value = uint32(wrapped, fallback);
  return value === 4_294_967_295 ? Number.POSITIVE_INFINITY : value;
}

function readRetryBudget(place: Place, own: Thresholds): ClusterConfig['retryBudget'] {
  const budget = own.retry_budget;
  if (!budget) return { percent: 0, least: uint32(own.max_retries, 3) };
  const at = place.field('retry_budget');
  checkFields(at, budget, budgetFields);
  return {
    percent: percent(at.field('budget_percent'), budget.budget_percent, 20),
    least: uint32(budget.min_retry_concurrency, 3),
  };
}
