/** Load-balancing policy of a cluster: `lb_policy`, or the first known one of `load_balancing_policy`. */
import type { Cluster } from '../../../proto/envoy.ts';
import type { PolicyConfig } from '../../model/config.ts';
import { limits } from '../limits.ts';
import { checkFields, fieldTable } from './fields.ts';
import { anyName, unpackAny } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import { uint32Within, type Wrapped } from './values.ts';

type Policy = NonNullable<NonNullable<Cluster['load_balancing_policy']>['policies']>[number];

const policies = 'envoy.extensions.load_balancing_policies';
const choiceFields = ['choice_count', 'active_request_bias'];

const roundRobinFields = fieldTable('envoy.config.cluster.v3.Cluster.RoundRobinLbConfig', {});
const leastRequestFields = fieldTable('envoy.config.cluster.v3.Cluster.LeastRequestLbConfig', {
  carried: choiceFields,
});
const roundRobinExtensionFields = fieldTable(`${policies}.round_robin.v3.RoundRobin`, {});
const leastRequestExtensionFields = fieldTable(`${policies}.least_request.v3.LeastRequest`, {
  carried: choiceFields,
  only: { enable_full_scan: [false], selection_method: ['N_CHOICES'] },
});

export function readBalance(place: Place, cluster: Cluster): PolicyConfig {
  if (cluster.load_balancing_policy) {
    return readPolicies(place.field('load_balancing_policy'), cluster.load_balancing_policy.policies ?? []);
  }
  const roundRobin = cluster.round_robin_lb_config;
  checkFields(place.field('round_robin_lb_config'), roundRobin ?? {}, roundRobinFields);
  const leastRequest = cluster.least_request_lb_config ?? {};
  const at = place.field('least_request_lb_config');
  checkFields(at, leastRequest, leastRequestFields);
  const policy = cluster.lb_policy ?? 'ROUND_ROBIN';
  if (policy === 'LEAST_REQUEST') return readLeastRequest(at, leastRequest);
  if (policy !== 'ROUND_ROBIN') place.field('lb_policy').refuse(`${policy} is ${unsupported}`);
  return { type: 'round-robin' };
}

/** Envoy takes the first policy that it knows; so servers may put newer ones before a fallback. */
function readPolicies(place: Place, list: readonly Policy[]): PolicyConfig {
  for (const [index, policy] of list.entries()) {
    const at = place.item('policies', index).field('typed_extension_config').field('typed_config');
    const any = policy.typed_extension_config?.typed_config;
    const name = anyName(any);
    if (name === `${policies}.round_robin.v3.RoundRobin`) {
      checkFields(at, unpackAny(at, name, any) ?? {}, roundRobinExtensionFields);
      return { type: 'round-robin' };
    }
    if (name === `${policies}.least_request.v3.LeastRequest`) {
      const message = unpackAny(at, name, any) ?? {};
      checkFields(at, message, leastRequestExtensionFields);
      return readLeastRequest(at, message);
    }
  }
  const names = list.map((policy) => anyName(policy.typed_extension_config?.typed_config) || 'none');
  place.field('policies').refuse(`no policy of ${names.join(', ') || 'an empty list'} is supported by this data plane`);
  return { type: 'round-robin' };
}

interface LeastRequest {
  readonly choice_count?: Wrapped<number>;
  readonly active_request_bias?: { readonly default_value?: number | string } | null | undefined;
}

function readLeastRequest(place: Place, message: LeastRequest): PolicyConfig {
  const bias = Number(message.active_request_bias?.default_value ?? (message.active_request_bias ? 0 : 1));
  if (!(bias >= 0)) place.field('active_request_bias').refuse('must be 0 or more');
  const choices = uint32Within(place.field('choice_count'), message.choice_count, 2, 2, limits.balanceChoices);
  return {
    type: 'least-request',
    choices,
    fullScan: false,
    activeRequestBias: message.active_request_bias ? bias : null,
  };
}
