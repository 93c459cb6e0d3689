import { z } from 'zod';
import { limits } from '../limits.ts';
import type { RetryCondition, RouteSpec } from '../specs.ts';
import { formatDuration } from '../units.ts';
import { duration } from './common.ts';
import { about, type Field, fields, listOf, report, whole, word, yesNo } from './fields.ts';

/** gRPC's own ends of a request. */
export const grpcConditions: readonly RetryCondition[] = [
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
];

/** What a route that says none has: nothing that an endpoint could have answered. */
export const builtInConditions: readonly RetryCondition[] = ['connect-failure', 'refused-stream', 'reset'];

/** Retries of a route that does not say how many, if its tenant's cap allows as many. */
export const builtInAttempts = 2;

const condition = z.union([
  word<RetryCondition & string>([
    'connect-failure',
    'refused-stream',
    'reset',
    'reset-before-request',
    'gateway-error',
    '5xx',
    'retriable-4xx',
    ...(['cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable'] as const),
  ]),
  whole(400, 599),
]);

const backoff = fields({
  base: about(
    duration({ least: 1 }).prefault('25ms'),
    'The first retry comes after anything up to this, each further one after up to twice as much.',
    'RetryPolicy.retry_back_off.base_interval',
  ),
  max: about(
    duration({ least: 1 }).optional(),
    'The longest wait; not less than `base`.',
    'RetryPolicy.retry_back_off.max_interval',
    { 'x-default': 'ten times `base`' },
  ),
})
  .transform(({ base, max }) => ({ baseMs: base, maxMs: max ?? Math.min(10 * base, limits.durationMs) }))
  .superRefine(({ baseMs, maxMs }, ctx) => {
    if (maxMs >= baseMs) return;
    const detail = `The longest wait, ${formatDuration(maxMs)}, is shorter than the first, ${formatDuration(baseMs)}.`;
    report(ctx, { detail, remedy: `Write \`${formatDuration(baseMs)}\` or more.` }, { path: ['max'] });
  });

/** `attempts: 0` is none. */
export const retrySchema: Field<RouteSpec['retry']> = fields({
  on: about(
    listOf<RetryCondition>(condition, {
      least: 1,
      unique: { what: 'The condition', key: (one) => (one === undefined ? undefined : String(one)) },
    }).optional(),
    'What is a reason for another try: words, or statuses.',
    'RetryPolicy.retry_on and retriable_status_codes',
    { 'x-default': '`[connect-failure, refused-stream, reset]`' },
  ),
  attempts: about(whole(0, 100).optional(), 'Retries after the first try; 0: none.', 'RetryPolicy.num_retries', {
    'x-default': "2, or the tenant's `caps.retries` if that is less",
  }),
  perTry: about(
    duration().prefault('0s'),
    "Until the answer to one try begins; `0s`: the route's timeout alone.",
    'RetryPolicy.per_try_timeout',
  ),
  backoff: about(backoff.prefault({}), 'How long to wait before a retry.', 'RetryPolicy.retry_back_off'),
  otherHost: about(
    yesNo().prefault(true),
    'Draw another endpoint in place of one that failed, where there is one.',
    'RetryPolicy.retry_host_predicate: previous_hosts',
  ),
  anyMethod: about(
    yesNo().prefault(false),
    'Also methods that do something twice when sent twice; else GET, HEAD, OPTIONS, PUT and DELETE alone.',
    'RetryPolicy.retriable_request_headers',
  ),
}).transform(({ on, attempts, perTry, backoff, otherHost, anyMethod }) => ({
  on: on ?? null,
  attempts: attempts ?? null,
  perTryMs: perTry,
  backoff,
  otherHost,
  anyMethod,
}));
