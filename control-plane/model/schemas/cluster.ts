import { z } from 'zod';
import { limits } from '../limits.ts';
import { notSupportedYet } from '../problems.ts';
import type { ClusterSpec, EndpointSpec, HealthPolicySpec, Reference } from '../specs.ts';
import type { WrittenReference } from '../units.ts';
import { address, duration, labels, percent, plainText, reference } from './common.ts';
import { about, type Field, type FieldFault, fields, listOf, report, whole, word } from './fields.ts';
import { healthPolicySchema } from './health-policy.ts';

/** A cluster whose references do not name their owner yet. */
export type WrittenCluster = Omit<ClusterSpec, 'health'> & {
  readonly health: { readonly policy: WrittenReference } | { readonly inline: HealthPolicySpec } | null;
};

const priority = whole(0, 127).superRefine((level, ctx) => {
  if (level !== 0) report(ctx, notSupportedYet('A `priority` other than 0'));
});

const endpoint = fields(
  {
    address: about(address(), 'An IP address.', 'LbEndpoint.endpoint.address.socket_address.address'),
    port: about(whole(1, 65_535), 'Its port.', 'LbEndpoint.endpoint.address.socket_address.port_value'),
    weight: about(
      whole(1, limits.endpointWeight).prefault(1),
      'Its share of the traffic, against the others.',
      'LbEndpoint.load_balancing_weight',
    ),
    zone: about(plainText(1, 128).optional(), 'Where it stands.', 'LocalityLbEndpoints.locality.zone', {
      'x-default': 'none said',
    }),
    priority: about(priority.prefault(0), '0, the only value so far.', 'LocalityLbEndpoints.priority'),
    labels: about(labels().prefault({}), 'Whatever tells it apart.', 'LbEndpoint.metadata, under envoy.lb'),
    state: about(
      word(['enabled', 'draining', 'disabled']).prefault('enabled'),
      '`draining`: takes nothing new; `disabled`: takes nothing.',
      'LbEndpoint.health_status',
    ),
  },
  { notYet: { backup: '' } },
).transform(
  (written): EndpointSpec => ({
    address: written.address,
    port: written.port,
    weight: written.weight,
    zone: written.zone ?? '',
    labels: written.labels,
    state: written.state,
  }),
);

const endpoints = listOf(endpoint, {
  most: limits.endpointsPerCluster,
  unique: {
    what: 'The endpoint',
    key: (element) => {
      const { address, port } = (element ?? {}) as { address?: unknown; port?: unknown };
      if (typeof address !== 'string' || typeof port !== 'number') return undefined;
      return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
    },
  },
});

const balanceSettings = [
  'function',
  'minSize',
  'maxSize',
  'tableSize',
  'boundedLoad',
  'localities',
  'subsets',
  'failClosed',
];

const balance = fields(
  {
    policy: about(
      word(['round-robin', 'least-request'], ['random', 'ring-hash', 'maglev', 'utilization']).optional(),
      "How the next endpoint is chosen; gRPC's own clients know `round-robin` alone.",
      'Cluster.lb_policy',
      { 'x-default': '`least-request`; `round-robin` for http2 and grpc' },
    ),
    choices: about(
      whole(2, 10).optional(),
      '`least-request` only: how many are drawn, of which the least busy is taken.',
      'Cluster.least_request_lb_config.choice_count',
      { 'x-default': '2' },
    ),
    panic: about(
      percent().prefault('50%'),
      'With a smaller share of them well, all are used; `0%` is off.',
      'Cluster.common_lb_config.healthy_panic_threshold',
    ),
  },
  {
    notYet: Object.fromEntries(balanceSettings.map((setting) => [setting, ''])),
    check: ({ policy, choices }): FieldFault | undefined => {
      if (policy !== 'round-robin' || choices === undefined) return undefined;
      const remedy = 'Take it out, or write `policy: least-request`.';
      return { field: 'choices', detail: '`round-robin` makes no choices.', remedy };
    },
  },
);

function balanceOf(
  { policy, choices, panic }: z.output<typeof balance>,
  protocol: ClusterSpec['protocol'],
): ClusterSpec['balance'] {
  // the one that gRPC's own clients know too
  const isGrpc = protocol === 'http2' || protocol === 'grpc';
  const chosen = policy ?? (isGrpc && choices === undefined ? 'round-robin' : 'least-request');
  if (chosen === 'round-robin') return { policy: chosen, panicPercent: panic };
  return { policy: chosen, choices: choices ?? 2, panicPercent: panic };
}

const keepAlive = fields(
  {
    idle: about(
      duration().prefault('60s'),
      'An unused connection is kept so long; `0s`: for ever.',
      'HttpProtocolOptions.common_http_protocol_options.idle_timeout',
    ),
    requests: about(
      whole(0, 2 ** 31 - 1).prefault(0),
      'Requests on one connection before it is closed; 0: no limit.',
      'HttpProtocolOptions.common_http_protocol_options.max_requests_per_connection',
    ),
  },
  { notYet: { connections: '' } },
).transform(({ idle, requests }): ClusterSpec['keepAlive'] => ({ idleMs: idle, requests }));

export const defaultKeepAlive: ClusterSpec['keepAlive'] = keepAlive.parse({});

const breakers = fields(
  {
    retryBudget: about(
      percent().prefault('20%'),
      'Retries at a time: this share of the requests under way, and three in any case.',
      'Cluster.circuit_breakers.thresholds.retry_budget.budget_percent',
    ),
  },
  { notYet: { connections: '', pending: '', requests: '', perEndpoint: '' } },
).transform(({ retryBudget }) => retryBudget);

export const defaultRetryBudget: number = breakers.parse({});

export const defaultConnectTimeoutMs = 1_000;

const health = z.union([
  reference().transform((policy) => ({ policy })),
  healthPolicySchema.transform((inline) => ({ inline })),
]);

const written = fields(
  {
    protocol: about(
      word(['http1', 'http2', 'grpc', 'same-as-client', 'tcp'], ['udp']).prefault('http1'),
      'What its endpoints speak: `grpc` is `http2` without a time limit of its own, `same-as-client` what the client speaks.',
      'Cluster.typed_extension_protocol_options: HttpProtocolOptions',
    ),
    endpoints: about(endpoints, 'Where it is; `[]` for none yet.', 'ClusterLoadAssignment.endpoints'),
    balance: about(balance.prefault({}), 'Which endpoint serves next.', 'Cluster.lb_policy'),
    health: about(
      health.optional(),
      'A HealthPolicy: its name, `tenant/name`, or the same written inline.',
      'Cluster.health_checks',
      {
        'x-default': 'no probes',
        'x-type': 'reference | HealthPolicy',
      },
    ),
    connectTimeout: about(duration({ least: 1 }).optional(), 'Until a connection stands.', 'Cluster.connect_timeout', {
      'x-default': '`1s`',
    }),
    keepAlive: about(
      keepAlive.optional(),
      'How connections are kept for the next request; not for tcp.',
      'HttpProtocolOptions',
    ),
    breakers: about(breakers.optional(), 'What it bears before it is spared; not for tcp.', 'Cluster.circuit_breakers'),
  },
  {
    notYet: { dns: 'endpoints', nodes: 'endpoints', slowStart: '', tls: '', proxyProtocol: '' },
    check: fitsProtocol,
  },
);

function fitsProtocol(cluster: Readonly<Record<string, unknown>>): FieldFault | undefined {
  if (cluster['protocol'] !== 'tcp') return undefined;
  if (cluster['breakers'] !== undefined) {
    const detail = 'A tcp cluster has no requests that could be sent again.';
    return { field: 'breakers', detail, remedy: 'Take it out, or write `protocol: http1`.' };
  }
  if (cluster['keepAlive'] === undefined) return undefined;
  const detail = 'A tcp cluster keeps no connections: each belongs to one client.';
  return { field: 'keepAlive', detail, remedy: 'Take it out, or write `protocol: http1`.' };
}

export const clusterSchema: Field<WrittenCluster> = written.transform((cluster) => ({
  protocol: cluster.protocol,
  endpoints: cluster.endpoints,
  balance: balanceOf(cluster.balance, cluster.protocol),
  health: cluster.health ?? null,
  connectTimeoutMs: cluster.connectTimeout ?? defaultConnectTimeoutMs,
  keepAlive: cluster.keepAlive ?? defaultKeepAlive,
  retryBudgetPercent: cluster.breakers ?? defaultRetryBudget,
}));

export function ownCluster(cluster: WrittenCluster, own: (written: WrittenReference) => Reference): ClusterSpec {
  const { health } = cluster;
  return { ...cluster, health: health !== null && 'policy' in health ? { policy: own(health.policy) } : health };
}
