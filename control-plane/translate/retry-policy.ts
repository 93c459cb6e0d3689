/** A Route's `retry` to envoy.config.route.v3.RetryPolicy. */
import { durationOf, packAny } from '../../proto/codec.ts';
import type { VirtualHost } from '../../proto/envoy.ts';
import type { DocumentSet } from '../model/document-set.ts';
import { builtInAttempts, builtInConditions, grpcConditions } from '../model/schemas/retry.ts';
import type { RouteSpec, Typed } from '../model/specs.ts';
import { Memo } from './memo.ts';
import { Shared } from './shared.ts';
import { uint32 } from './wire.ts';

type RetryPolicy = NonNullable<VirtualHost['retry_policy']>;

/** RFC 9110 section 9.2.2, without TRACE, which no listener takes. */
const idempotent = { name: ':method', string_match: { safe_regex: { regex: 'GET|HEAD|OPTIONS|PUT|DELETE' } } };

const otherHost: Pick<RetryPolicy, 'retry_host_predicate' | 'host_selection_retry_max_attempts'> = {
  retry_host_predicate: [
    {
      name: 'envoy.retry_host_predicates.previous_hosts',
      typed_config: packAny('envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate', {}),
    },
  ],
  // after so many draws one that failed will do: better than nobody (Istio's number)
  host_selection_retry_max_attempts: 5,
};

/** What the route says, else 2, or its tenant's cap if that is less. The model keeps what is said under the cap. */
export function effectiveAttempts(documents: DocumentSet, { document, spec }: Typed<'Route'>): number {
  if (spec.retry.attempts !== null) return spec.retry.attempts;
  const owner = document.tenant === undefined ? undefined : documents.get('Tenant', undefined, document.tenant);
  return Math.min(builtInAttempts, owner?.spec.caps.retries ?? builtInAttempts);
}

/** No conditions where nothing is tried again: what the host says does not count then. */
function retryPolicy({ retry }: RouteSpec, attempts: number): RetryPolicy {
  const { on: said, perTryMs, backoff, anyMethod } = retry;
  const on = said ?? builtInConditions;
  if (attempts === 0) {
    return { num_retries: uint32(0), ...(perTryMs > 0 && { per_try_timeout: durationOf(perTryMs) }) };
  }
  const words = on.filter((condition) => typeof condition === 'string');
  const statuses = on.filter((condition) => typeof condition === 'number');
  return {
    retry_on: [...words, ...(statuses.length > 0 ? ['retriable-status-codes'] : [])].join(','),
    num_retries: uint32(attempts),
    ...(statuses.length > 0 && { retriable_status_codes: statuses }),
    ...(perTryMs > 0 && { per_try_timeout: durationOf(perTryMs) }),
    retry_back_off: { base_interval: durationOf(backoff.baseMs), max_interval: durationOf(backoff.maxMs) },
    ...(retry.otherHost && otherHost),
    ...(!anyMethod && { retriable_request_headers: [idempotent] }),
  };
}

/** Of all routes that say the same, with a text that stands for it. */
export interface KeyedPolicy {
  readonly key: string;
  readonly policy: RetryPolicy;
}

const policies = new Memo<Typed<'Route'>, KeyedPolicy>();
const shared = new Shared<KeyedPolicy>();

export function keyedPolicy(route: Typed<'Route'>, attempts: number): KeyedPolicy {
  return policies.get(route, [attempts], () => {
    const policy = retryPolicy(route.spec, attempts);
    const key = JSON.stringify(policy);
    return shared.get(key, () => ({ key, policy }));
  });
}

/** What most routes of a host say, the first of them where several are as many: the host says it once for all of them. */
export function commonPolicy(routes: readonly KeyedPolicy[]): KeyedPolicy | undefined {
  const counts = new Map<string, number>();
  for (const { key } of routes) counts.set(key, (counts.get(key) ?? 0) + 1);
  let common: KeyedPolicy | undefined;
  for (const one of routes) if ((counts.get(one.key) ?? 0) > (counts.get(common?.key ?? '') ?? 0)) common = one;
  return common;
}

/** What gRPC's own clients carry out of it (https://github.com/grpc/proposal, A44): their own conditions alone. */
export function grpcRetryPolicy({ retry }: RouteSpec, attempts: number): { retry_policy?: RetryPolicy } {
  const { on, backoff } = retry;
  const words = (on ?? []).filter((condition) => grpcConditions.includes(condition));
  if (attempts === 0 || words.length === 0) return {};
  return {
    retry_policy: {
      retry_on: words.join(','),
      num_retries: uint32(attempts),
      retry_back_off: { base_interval: durationOf(backoff.baseMs), max_interval: durationOf(backoff.maxMs) },
    },
  };
}
