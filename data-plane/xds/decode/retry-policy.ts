/** envoy.config.route.v3.RetryPolicy: when a request is tried again. */
import type { VirtualHost } from '../../../proto/envoy.ts';
import type { RetryConfig } from '../../model/config.ts';
import { checkFields, fieldTable } from './fields.ts';
import { readHeaderMatcher } from './header-matcher.ts';
import { anyName } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import { millis, positiveMillis, uint32 } from './values.ts';

type RetryPolicy = NonNullable<VirtualHost['retry_policy']>;

const policyFields = fieldTable('envoy.config.route.v3.RetryPolicy', {
  carried: [
    ...['retry_on', 'num_retries', 'per_try_timeout', 'retry_host_predicate', 'host_selection_retry_max_attempts'],
    ...['retriable_status_codes', 'retry_back_off', 'retriable_request_headers'],
  ],
});
const backoffFields = fieldTable('envoy.config.route.v3.RetryPolicy.RetryBackOff', {
  carried: ['base_interval', 'max_interval'],
});

/** What ends a try, by Envoy's words for it. */
const failures: Readonly<Record<string, RetryConfig['failures']>> = {
  'connect-failure': ['no-connection'],
  'refused-stream': ['unprocessed'],
  'reset-before-request': ['no-connection', 'unprocessed'],
  reset: ['no-connection', 'unprocessed', 'reset'],
  'gateway-error': ['no-connection', 'unprocessed', 'reset'],
  '5xx': ['no-connection', 'unprocessed', 'reset'],
};
const statuses: Readonly<Record<string, RetryConfig['statuses'][number]>> = {
  'gateway-error': { start: 502, end: 505 },
  '5xx': { start: 500, end: 600 },
  'retriable-4xx': { start: 409, end: 410 },
};
const grpcStatuses: Readonly<Record<string, number>> = {
  cancelled: 1,
  'deadline-exceeded': 4,
  'resource-exhausted': 8,
  internal: 13,
  unavailable: 14,
};
/** Of HTTP/3. */
const elsewhere = 'http3-post-connect-failure';
const byList = 'retriable-status-codes';

const previousHosts = 'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate';

/** @param timeoutMs the route's; a try that may take as long has no time of its own */
export function readRetryPolicy(place: Place, message: RetryPolicy | null, timeoutMs: number): RetryConfig | null {
  if (message === null) return null;
  checkFields(place, message, policyFields);
  const on = (message.retry_on ?? '').split(',').flatMap((word) => word.trim() || []);
  for (const word of on) {
    const known = word in failures || word in statuses || word in grpcStatuses;
    if (!known && word !== elsewhere && word !== byList) place.field('retry_on').refuse(`${word} is ${unsupported}`);
  }
  const perTryTimeoutMs = millis(place.field('per_try_timeout'), message.per_try_timeout, 0);
  const attempts = uint32(message.num_retries, 1);
  const listed = on.includes(byList) ? (message.retriable_status_codes ?? []) : [];
  if (attempts === 0 && perTryTimeoutMs === 0) return null;
  return {
    failures: [...new Set(on.flatMap((word) => failures[word] ?? []))],
    statuses: [
      ...on.flatMap((word) => statuses[word] ?? []),
      ...listed.map((status) => ({ start: status, end: status + 1 })),
    ],
    grpcStatuses: on.flatMap((word) => grpcStatuses[word] ?? []),
    attempts,
    perTryTimeoutMs: timeoutMs > 0 && perTryTimeoutMs >= timeoutMs ? 0 : perTryTimeoutMs,
    backoff: readBackoff(place.field('retry_back_off'), message.retry_back_off ?? null),
    hostSelections: readHostSelections(place, message),
    methods: readMethods(place, message),
  };
}

function readBackoff(place: Place, message: RetryPolicy['retry_back_off']): RetryConfig['backoff'] {
  if (message === null || message === undefined) return { baseMs: 25, maxMs: 250 };
  checkFields(place, message, backoffFields);
  if (!message.base_interval) place.field('base_interval').refuse('must be said');
  const baseMs = positiveMillis(place.field('base_interval'), message.base_interval, 25);
  const maxMs = positiveMillis(place.field('max_interval'), message.max_interval, 10 * baseMs);
  if (maxMs < baseMs) place.field('max_interval').refuse('must not be less than base_interval');
  return { baseMs, maxMs };
}

function readHostSelections(place: Place, message: RetryPolicy): number {
  const predicates = message.retry_host_predicate ?? [];
  predicates.forEach((predicate, index) => {
    const name = anyName(predicate.typed_config);
    if (name !== previousHosts) place.item('retry_host_predicate', index).refuse(`${name} is ${unsupported}`);
  });
  if (predicates.length === 0) return 0;
  // not set and 0 look the same: once
  return Number(message.host_selection_retry_max_attempts ?? 0) || 1;
}

/** Conditions on the request, any of which may hold. */
function readMethods(place: Place, message: RetryPolicy): readonly string[] | null {
  const conditions = message.retriable_request_headers ?? [];
  if (conditions.length === 0) return null;
  return conditions.flatMap((condition, index) => {
    const at = place.item('retriable_request_headers', index);
    const { name, condition: asked, invert } = readHeaderMatcher(at, condition);
    if (name === ':method' && !invert) {
      if (asked.type === 'oneOf') return asked.values;
      if (asked.type === 'exact' && !asked.ignoreCase) return [asked.value];
    }
    at.refuse(`anything but :method, exact or one of some, is ${unsupported}`);
    return [];
  });
}
