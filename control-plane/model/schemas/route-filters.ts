/** What happens to requests between their route and the endpoint, beside what a route itself says. */
import type { RouteSpec } from '../specs.ts';
import { duration, percent } from './common.ts';
import { about, type Field, fields, report, whole } from './fields.ts';

const ofFault = 'HTTPFault';

const delay = fields({
  fixed: about(duration({ least: 1, most: 3_600_000 }), 'How long, each.', `${ofFault}.delay.fixed_delay`),
  fraction: about(percent().prefault('100%'), 'Which share of the requests.', `${ofFault}.delay.percentage`),
}).transform(({ fixed, fraction }) => ({ ms: fixed, percent: fraction }));

const abort = fields({
  status: about(whole(200, 599), 'With which status.', `${ofFault}.abort.http_status`),
  fraction: about(percent().prefault('100%'), 'Which share of the requests.', `${ofFault}.abort.percentage`),
}).transform(({ status, fraction }) => ({ status, percent: fraction }));

const fault = fields({
  delay: about(delay.optional(), 'Requests that are sent on later.', `${ofFault}.delay`),
  abort: about(
    abort.optional(),
    'Requests that are answered with an error instead, after the delay.',
    `${ofFault}.abort`,
  ),
})
  .superRefine((written, ctx) => {
    if (written.delay !== undefined || written.abort !== undefined) return;
    report(ctx, { detail: 'This does nothing.', remedy: 'Write `delay` or `abort`.' });
  })
  .transform((written) => ({ delay: written.delay ?? null, abort: written.abort ?? null }));

export const filtersSchema: Field<RouteSpec['filters']> = fields(
  {
    fault: about(fault.optional(), 'Trouble on purpose, by chance.', 'Route.typed_per_filter_config: HTTPFault'),
  },
  { notYet: { rateLimit: '', jwt: '', cors: '', ip: '', compress: '', waf: '' } },
).transform((written) => ({ fault: written.fault ?? null }));

export const noFilters: RouteSpec['filters'] = { fault: null };
