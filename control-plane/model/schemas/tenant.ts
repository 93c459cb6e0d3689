import { limits } from '../limits.ts';
import type { TenantSpec } from '../specs.ts';
import { formatDuration } from '../units.ts';
import { duration, host, names } from './common.ts';
import { about, type Field, fields, listOf, report, whole } from './fields.ts';
import { pathPrefix } from './paths.ts';

/** A route's timeout if nobody says one. */
export const builtInTimeoutMs = 15_000;

const claim = fields({
  host: about(host(false), 'The hosts delegated to it: one, or `*.suffix`.', 'VirtualHost.domains of its routes'),
  path: about(pathPrefix().prefault('/'), 'Below this prefix, segment by segment.', 'RouteMatch of its routes'),
}).transform(({ host, path }) => ({ host, path }));

const count = () => whole(0, 1_000_000);

const quotas = fields({
  routes: about(count().prefault(100), 'Route and L4Route documents it may have.', '-'),
  clusters: about(count().prefault(50), 'Cluster documents it may have.', '-'),
  endpoints: about(count().prefault(2000), 'Endpoints of all its clusters together.', '-'),
  secrets: about(count().prefault(20), 'Secret documents it may have.', '-'),
});

const caps = fields({
  timeout: about(
    duration().optional(),
    'The longest `timeout` its routes may say; a route without timeout exceeds every cap. `0s`: no cap.',
    'RouteAction.timeout of its routes',
    { 'x-default': 'no cap' },
  ),
  retries: about(
    whole(0, 100).optional(),
    'The most retries its routes may say.',
    'RetryPolicy.num_retries of its routes',
    {
      'x-default': 'no cap',
    },
  ),
  listeners: about(
    names(0).optional(),
    'The listeners its routes may attach to.',
    'which RouteConfiguration carries its routes',
    {
      'x-default': 'all that are open to it',
    },
  ),
}).transform(({ timeout, retries, listeners }) => ({
  timeoutMs: timeout === undefined || timeout === 0 ? null : timeout,
  retries: retries ?? null,
  listeners: listeners ?? null,
}));

const defaults = fields({
  timeout: about(
    duration().optional(),
    'The timeout of its routes that say none.',
    'RouteAction.timeout of its routes',
    {
      'x-default': '15s, or the cap if that is shorter',
    },
  ),
}).transform(({ timeout }) => ({ timeoutMs: timeout ?? null }));

const spec = fields({
  claims: about(
    listOf(claim, { most: limits.claimsPerTenant }).prefault([]),
    'What its routes may serve; nothing else is theirs.',
    '-',
  ),
  quotas: about(quotas.prefault({}), 'How much it may keep here.', '-'),
  caps: about(caps.prefault({}), 'What its documents may not exceed.', '-'),
  defaults: about(defaults.prefault({}), 'What its documents mean where they are silent.', '-'),
}).transform(
  ({ claims, quotas, caps, defaults }): TenantSpec => ({
    claims,
    quotas: {
      routes: quotas.routes,
      clusters: quotas.clusters,
      endpoints: quotas.endpoints,
      secrets: quotas.secrets,
    },
    caps,
    defaults,
  }),
);

export const tenantSchema: Field<TenantSpec> = spec
  .superRefine(({ caps, defaults }, ctx) => {
    const { timeoutMs: cap } = caps;
    const { timeoutMs: said } = defaults;
    if (cap === null || said === null || (said !== 0 && said <= cap)) return;
    const detail = `${said === 0 ? 'No timeout (`0s`)' : formatDuration(said)} is over the cap of ${formatDuration(cap)}.`;
    const remedy = `Write \`${formatDuration(cap)}\` or less, or a higher \`caps.timeout\`.`;
    report(ctx, { detail, remedy }, { path: ['defaults', 'timeout'] });
  })
  .transform(({ caps, defaults, ...others }) => {
    // What is built in may not exceed the cap either.
    const capped = defaults.timeoutMs === null && caps.timeoutMs !== null && caps.timeoutMs < builtInTimeoutMs;
    return { ...others, caps, defaults: { timeoutMs: capped ? caps.timeoutMs : defaults.timeoutMs } };
  });
