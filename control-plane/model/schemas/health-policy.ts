import { z } from 'zod';
import { limits } from '../limits.ts';
import { notSupportedYet, type Parsed, show } from '../problems.ts';
import type { HealthPolicySpec } from '../specs.ts';
import { duration, percent, plainText } from './common.ts';
import { about, type Field, fields, listOf, must, report, text, whole } from './fields.ts';
import { parsePath } from './paths.ts';

type StatusRange = { start: number; end: number };

const statusRemedy = 'Write a status such as `200`, or a range such as `200-299`.';

function parseStatuses(written: string): Parsed<StatusRange> {
  const match = /^(\d{3})(?:-(\d{3}))?$/.exec(written);
  if (match === null) return { ok: false, fault: { detail: `${show(written)} is no status.`, remedy: statusRemedy } };
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  if (first < 100 || last > 599) {
    return { ok: false, fault: { detail: `${show(written)} leaves 100 to 599.`, remedy: statusRemedy } };
  }
  if (last < first) {
    return { ok: false, fault: { detail: `${show(written)} runs backwards.`, remedy: `Write \`${last}-${first}\`.` } };
  }
  return { ok: true, value: { start: first, end: last + 1 } };
}

const statuses: Field<StatusRange> = z.union([
  whole(100, 599).transform((status) => ({ start: status, end: status + 1 })),
  text('status or range', statusRemedy, parseStatuses),
]);

/** The request target of a probe: a path, and a query if it needs one. */
const probePath = text('path', 'Write a path such as `/healthz`.', (written) => {
  const [path = '', ...query] = written.split('?');
  const parsed = parsePath(path);
  if (!parsed.ok) return parsed;
  const wrong = /[^\x21-\x7e]|#/.test(query.join('?'));
  const fault = { detail: 'The query holds characters that it cannot carry.', remedy: 'Write them percent-encoded.' };
  return wrong ? { ok: false, fault } : { ok: true, value: written };
});

const probeHost = must(plainText(1, limits.hostLength + 6), (host) =>
  /^[A-Za-z0-9._:[\]-]+$/.test(host)
    ? undefined
    : { detail: `${show(host)} is no host.`, remedy: 'Write a host name.' },
);

const http = fields({
  path: about(probePath, 'Asked with GET.', 'HealthCheck.http_health_check.path'),
  host: about(probeHost.optional(), 'The host header.', 'HealthCheck.http_health_check.host', {
    'x-default': "the cluster's name",
    'x-type': 'host',
  }),
  expect: about(
    listOf(statuses, { least: 1 }).prefault([200]),
    'The statuses that count as well: `200`, `200-299`.',
    'HealthCheck.http_health_check.expected_statuses',
    { 'x-type': 'list of statuses or ranges' },
  ),
}).transform(({ path, host, expect }) => ({ path, host: host ?? null, expect }));

const tcp = fields({
  send: about(plainText(1).optional(), 'Sent once connected, as text.', 'HealthCheck.tcp_health_check.send', {
    'x-default': 'nothing',
  }),
  receive: about(
    plainText(1).optional(),
    'Must occur in the answer, as text.',
    'HealthCheck.tcp_health_check.receive',
    {
      'x-default': 'nothing: that it connects is enough',
    },
  ),
}).transform(({ send, receive }) => ({ send: send ?? null, receive: receive ?? null }));

const jitter = must(percent(), (share) =>
  Number.isInteger(share) ? undefined : { detail: `${share}% is not whole.`, remedy: 'Write a whole percentage.' },
);

const shortest = { least: 10 };
const threshold = () => whole(1, 1000);

const active = fields(
  {
    http: about(http.optional(), 'Ask for a path. Exactly one of `http` and `tcp`.', 'HealthCheck.http_health_check'),
    tcp: about(tcp.optional(), 'Connect, and perhaps talk.', 'HealthCheck.tcp_health_check'),
    interval: about(duration(shortest).prefault('5s'), 'From one probe to the next.', 'HealthCheck.interval'),
    timeout: about(
      duration(shortest).prefault('2s'),
      'A probe without answer by then has failed.',
      'HealthCheck.timeout',
    ),
    unhealthyAfter: about(
      threshold().prefault(3),
      'Failures in a row that take it out.',
      'HealthCheck.unhealthy_threshold',
    ),
    healthyAfter: about(
      threshold().prefault(2),
      'Successes in a row that bring it back.',
      'HealthCheck.healthy_threshold',
    ),
    jitter: about(
      jitter.prefault('10%'),
      'Added to each interval at random, up to this share.',
      'HealthCheck.interval_jitter_percent',
      { 'x-type': 'percentage' },
    ),
  },
  { exactlyOne: ['http', 'tcp'], notYet: { grpc: '*' } },
).transform(
  (written): NonNullable<HealthPolicySpec['active']> => ({
    check: written.http === undefined ? { tcp: written.tcp ?? { send: null, receive: null } } : { http: written.http },
    intervalMs: written.interval,
    timeoutMs: written.timeout,
    unhealthyAfter: written.unhealthyAfter,
    healthyAfter: written.healthyAfter,
    jitterPercent: written.jitter,
  }),
);

/** `off`, or `false` for those whose YAML still reads `off` that way; anything else is a policy, and is for later. */
const passive = z.unknown().superRefine((written, ctx) => {
  if (written === 'off' || written === false) return;
  report(ctx, { ...notSupportedYet('Passive ejection'), remedy: 'Leave it out, or write `passive: off`.' });
});

export const healthPolicySchema: Field<HealthPolicySpec> = fields({
  active: about(active.optional(), 'Probes sent by every node.', 'Cluster.health_checks', { 'x-default': 'no probes' }),
  passive: about(passive.optional(), 'Ejection by what real traffic meets.', 'Cluster.outlier_detection', {
    enum: ['off'],
    'x-type': '`off`',
    'x-default': '`off`',
  }),
}).transform(({ active }) => ({ active: active ?? null }));
