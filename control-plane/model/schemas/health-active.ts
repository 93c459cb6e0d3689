/** Probes of endpoints: the `active` of a HealthPolicy. */
import { z } from 'zod';
import type { ActiveSpec, CheckMethod, HttpCheckSpec } from '../cluster-specs.ts';
import { limits } from '../limits.ts';
import { type Parsed, show } from '../problems.ts';
import { duration, plainText, sharePercent } from './common.ts';
import { about, type Field, fields, listOf, must, report, text, whole, word } from './fields.ts';
import { parsePath } from './paths.ts';
import { headerValues } from './route-headers.ts';

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

/** A route's, without variables: a probe belongs to no request. */
const probeHeaders = headerValues().superRefine((headers, ctx) => {
  for (const [name, value] of Object.entries(headers)) {
    if (!value.includes('%')) continue;
    report(ctx, { detail: 'A probe knows no variables.', remedy: 'Take the percent sign out.' }, { path: [name] });
  }
});

const payloads = () => listOf(plainText(1), { most: limits.probePayloads }).optional();

const methods: readonly CheckMethod[] = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH'];

const http: Field<HttpCheckSpec> = fields(
  {
    path: about(probePath, 'What is asked for.', 'HealthCheck.http_health_check.path'),
    method: about(word(methods).prefault('GET'), 'How.', 'HealthCheck.http_health_check.method'),
    host: about(probeHost.optional(), 'The host header.', 'HealthCheck.http_health_check.host', {
      'x-default': "the cluster's name",
      'x-type': 'host',
    }),
    headers: about(
      probeHeaders.prefault({}),
      'Name to value, added to the request.',
      'HealthCheck.http_health_check.request_headers_to_add',
    ),
    expect: about(
      listOf(statuses, { least: 1 }).prefault([200]),
      'The statuses that count as well: `200`, `200-299`.',
      'HealthCheck.http_health_check.expected_statuses',
      { 'x-type': 'list of statuses or ranges' },
    ),
    receive: about(
      payloads(),
      `Must occur in the first ${limits.probeBodyBytes} bytes of the body, as texts, one behind the other.`,
      'HealthCheck.http_health_check.receive',
      { 'x-default': 'nothing', 'x-type': 'list of texts' },
    ),
  },
  {
    check: ({ method, receive }) => {
      if (method !== 'HEAD' || receive === undefined) return undefined;
      const detail = 'An answer to HEAD has no body.';
      return { field: 'receive', detail, remedy: 'Take it out, or write `method: GET`.' };
    },
  },
).transform(({ path, method, host, headers, expect, receive }) => ({
  ...{ path, method, host: host ?? null, headers, expect, receive: receive ?? [] },
}));

const tcp = fields({
  send: about(plainText(1).optional(), 'Sent once connected, as text.', 'HealthCheck.tcp_health_check.send', {
    'x-default': 'nothing',
  }),
  receive: about(
    payloads(),
    'Must occur in the answer, as texts, one behind the other.',
    'HealthCheck.tcp_health_check.receive',
    { 'x-default': 'nothing: that it connects is enough', 'x-type': 'list of texts' },
  ),
}).transform(({ send, receive }) => ({ send: send ?? null, receive: receive ?? [] }));

const grpc = fields({
  service: about(
    plainText(0, limits.hostLength).optional(),
    'The service that is asked about.',
    'HealthCheck.grpc_health_check.service_name',
    { 'x-default': 'the server as a whole' },
  ),
  authority: about(probeHost.optional(), 'The `:authority`.', 'HealthCheck.grpc_health_check.authority', {
    'x-default': "the cluster's name",
    'x-type': 'host',
  }),
}).transform(({ service, authority }) => ({ service: service ?? '', authority: authority ?? null }));

const shortest = { least: 10 };
const threshold = () => whole(1, 1000);

export const activeSchema: Field<ActiveSpec> = fields(
  {
    http: about(
      http.optional(),
      'Ask for a path. Exactly one of `http`, `tcp` and `grpc`.',
      'HealthCheck.http_health_check',
    ),
    tcp: about(tcp.optional(), 'Connect, and perhaps talk.', 'HealthCheck.tcp_health_check'),
    grpc: about(
      grpc.optional(),
      'Ask the health service of gRPC; of clusters that speak grpc or http2.',
      'HealthCheck.grpc_health_check',
    ),
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
      sharePercent().prefault('10%'),
      'Added to each interval at random, up to this share.',
      'HealthCheck.interval_jitter_percent',
    ),
    noTrafficInterval: about(
      duration(shortest).optional(),
      'From one probe to the next until the cluster has its first request.',
      'HealthCheck.no_traffic_interval',
      { 'x-default': 'as `interval`' },
    ),
    initialJitter: about(
      duration().prefault('0s'),
      'The first probe comes at random within this time, so that not all nodes ask at once.',
      'HealthCheck.initial_jitter',
    ),
  },
  { exactlyOne: ['http', 'tcp', 'grpc'] },
).transform(
  (written): ActiveSpec => ({
    check: checkOf(written),
    intervalMs: written.interval,
    noTrafficIntervalMs: written.noTrafficInterval ?? null,
    timeoutMs: written.timeout,
    unhealthyAfter: written.unhealthyAfter,
    healthyAfter: written.healthyAfter,
    jitterPercent: written.jitter,
    initialJitterMs: written.initialJitter,
  }),
);

/** Exactly one of them is there. */
function checkOf({ http, tcp, grpc }: { readonly [C in 'http' | 'tcp' | 'grpc']?: unknown }): ActiveSpec['check'] {
  if (http !== undefined) return { http: http as HttpCheckSpec };
  return (grpc === undefined ? { tcp } : { grpc }) as ActiveSpec['check'];
}
