import { z } from 'zod';
import { limits } from '../limits.ts';
import type { BreakersSpec, ClusterSpec, HealthPolicySpec, Reference } from '../specs.ts';
import type { WrittenReference } from '../units.ts';
import { balanceMisfits, balanceOf, balanceSchema, slowStartSchema } from './cluster-balance.ts';
import { dnsSchema } from './cluster-dns.ts';
import { endpointsSchema } from './cluster-endpoints.ts';
import { duration, name, percent, reference } from './common.ts';
import { about, type Field, type FieldFault, fields, report, whole, word } from './fields.ts';
import { healthPolicySchema } from './health-policy.ts';

/** A cluster whose references do not name their owner yet. */
export type WrittenCluster = Omit<ClusterSpec, 'health'> & {
  readonly health: { readonly policy: WrittenReference } | { readonly inline: HealthPolicySpec } | null;
};

const keepAlive = fields({
  connections: about(
    whole(0, 2 ** 31 - 1).optional(),
    'Unused connections to one endpoint that each thread of a node keeps, in HTTP/1.1; what is beyond is closed, the longest unused first.',
    "nothing of Envoy's: cluster metadata under `fairlead.keep-alive`",
    { 'x-default': 'any number' },
  ),
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
}).transform(({ connections = null, idle, requests }): ClusterSpec['keepAlive'] => ({
  connections,
  idleMs: idle,
  requests,
}));

export const defaultKeepAlive: ClusterSpec['keepAlive'] = keepAlive.parse({});

const count = (standard: number) => whole(1, limits.breaker).prefault(standard);

const perEndpoint = fields({
  connections: about(
    whole(1, limits.breaker).optional(),
    'Connections to one endpoint; one in any case.',
    'Cluster.circuit_breakers.per_host_thresholds.max_connections',
    { 'x-default': "the cluster's" },
  ),
});

const breakers = fields({
  connections: about(
    count(1024),
    'Connections at a time; further requests wait.',
    'Cluster.circuit_breakers.thresholds.max_connections',
  ),
  pending: about(
    count(1024),
    'Requests at a time that wait for a connection; further ones are answered with 503. Not for tcp.',
    'Cluster.circuit_breakers.thresholds.max_pending_requests',
  ),
  requests: about(
    count(1024),
    'Requests at a time; further ones are answered with 503. Not for tcp.',
    'Cluster.circuit_breakers.thresholds.max_requests',
  ),
  retryBudget: about(
    percent().prefault('20%'),
    'Retries at a time: this share of the requests under way, and three in any case. Not for tcp.',
    'Cluster.circuit_breakers.thresholds.retry_budget.budget_percent',
  ),
  perEndpoint: about(
    perEndpoint.prefault({}),
    'What one endpoint bears of that. Not for tcp.',
    'Cluster.circuit_breakers.per_host_thresholds',
  ),
}).transform(
  ({ connections, pending, requests, retryBudget, perEndpoint }): BreakersSpec => ({
    ...{ connections, pending, requests, retryBudgetPercent: retryBudget },
    perEndpoint: { connections: perEndpoint.connections ?? null },
  }),
);

export const defaultBreakers: BreakersSpec = breakers.parse({});

export const defaultConnectTimeoutMs = 1_000;

const nodesSchema: Field<NonNullable<ClusterSpec['nodes']>> = fields({
  group: about(name(), 'The NodeGroup.', 'which nodes'),
  listener: about(name(), 'The Listener, one of that group.', 'LbEndpoint.endpoint.address.socket_address'),
});

const health = z.union([
  reference().transform((policy) => ({ policy })),
  healthPolicySchema.transform((inline) => ({ inline })),
]);

const written = fields(
  {
    protocol: about(
      word(['http1', 'http2', 'grpc', 'same-as-client', 'tcp', 'udp']).prefault('http1'),
      'What its endpoints speak: `grpc` is `http2` without a time limit of its own, and serves browsers (gRPC-Web) as well, `same-as-client` what the client speaks; `tcp` and `udp` are for L4Routes.',
      'Cluster.typed_extension_protocol_options: HttpProtocolOptions',
    ),
    endpoints: about(endpointsSchema.optional(), 'Where it is; `[]` for none yet.', 'ClusterLoadAssignment.endpoints', {
      'x-default': '*required*, but beside `dns` and `nodes`',
    }),
    dns: about(
      dnsSchema.optional(),
      'Where it is, by name, in place of `endpoints`; every node asks its own resolver.',
      'Cluster.type and load_assignment',
    ),
    nodes: about(
      nodesSchema.optional(),
      'Where it is: the nodes of a group, in place of `endpoints`; those that are connected, ready and not draining, each where it serves the listener.',
      'ClusterLoadAssignment.endpoints',
    ),
    proxyProtocol: about(
      word(['off', 'v1', 'v2']).prefault('off'),
      'The PROXY header that endpoints get before anything else, and that says who the client is. `v2` has a unique id of each connection of an L4Route too, which stands in the access logs of both sides. Not for udp.',
      'Cluster.transport_socket: ProxyProtocolUpstreamTransport; TcpProxy.proxy_protocol_tlvs',
    ),
    balance: about(balanceSchema.prefault({}), 'Which endpoint serves next.', 'Cluster.lb_policy'),
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
    breakers: about(
      breakers.optional(),
      'What it bears at a time, of each node; beyond that it is spared.',
      'Cluster.circuit_breakers',
    ),
    slowStart: about(
      slowStartSchema.optional(),
      'New endpoints get their share little by little; not with `random`, `ring-hash` and `maglev`.',
      'Cluster.round_robin_lb_config and least_request_lb_config: slow_start_config',
      { 'x-default': 'the whole share at once' },
    ),
  },
  {
    notYet: { tls: '' },
    check: (cluster) => [whereFault(cluster) ?? [], fitsProtocol(cluster) ?? []].flat(),
  },
);

function whereFault({ endpoints, dns, nodes }: Readonly<Record<string, unknown>>): FieldFault | undefined {
  const [first, second] = Object.entries({ endpoints, dns, nodes }).flatMap(([name, value]) =>
    value === undefined ? [] : name,
  );
  if (second !== undefined) {
    const detail = `Beside \`${first}\` there is no \`${second}\`.`;
    return { field: second, detail, remedy: 'Keep one of them.' };
  }
  if (first !== undefined) return undefined;
  const detail = '`endpoints` is missing: nothing says where the cluster is.';
  return { field: 'endpoints', code: 'missing-field', detail, remedy: 'Write `endpoints`, `dns` or `nodes`.' };
}

function fitsProtocol(cluster: Readonly<Record<string, unknown>>): FieldFault | undefined {
  const { protocol } = cluster;
  if (protocol !== 'tcp' && protocol !== 'udp') return undefined;
  if (cluster['breakers'] !== undefined && !countsConnectionsAlone(cluster['breakers'])) {
    const meaning = protocol === 'udp' ? ', which are sessions' : '';
    const detail = `A ${protocol} cluster has no requests: of its breakers only \`connections\` count${meaning}.`;
    return { field: 'breakers', detail, remedy: 'Take the others out, or write `protocol: http1`.' };
  }
  if (cluster['keepAlive'] !== undefined) {
    const detail = `A ${protocol} cluster keeps no connections: each belongs to one client.`;
    return { field: 'keepAlive', detail, remedy: 'Take it out, or write `protocol: http1`.' };
  }
  if (protocol === 'tcp') return undefined;
  if (cluster['connectTimeout'] !== undefined) {
    const detail = 'A udp cluster has no `connectTimeout`: nobody answers a first datagram.';
    return { field: 'connectTimeout', detail, remedy: 'Take it out.' };
  }
  if (cluster['proxyProtocol'] === 'off') return undefined;
  const detail = 'A udp cluster has no `proxyProtocol`: its header stands at the head of a connection.';
  return { field: 'proxyProtocol', detail, remedy: 'Take it out.' };
}

/** The others stand at their defaults. */
function countsConnectionsAlone(breakers: unknown): boolean {
  const { connections } = breakers as Partial<BreakersSpec>;
  return JSON.stringify(breakers) === JSON.stringify({ ...defaultBreakers, connections });
}

export const clusterSchema: Field<WrittenCluster> = written
  .transform((cluster) => ({
    protocol: cluster.protocol,
    endpoints: cluster.endpoints ?? [],
    dns: cluster.dns ?? null,
    nodes: cluster.nodes ?? null,
    proxyProtocol: cluster.proxyProtocol === 'off' ? null : cluster.proxyProtocol,
    balance: balanceOf(cluster.balance, cluster.protocol),
    health: cluster.health ?? null,
    connectTimeoutMs: cluster.connectTimeout ?? defaultConnectTimeoutMs,
    keepAlive: cluster.keepAlive ?? defaultKeepAlive,
    breakers: cluster.breakers ?? defaultBreakers,
    slowStart: cluster.slowStart ?? null,
  }))
  .superRefine((cluster, ctx) => {
    for (const { path, fault } of balanceMisfits(cluster)) report(ctx, fault, { path });
  });

export function ownCluster(cluster: WrittenCluster, own: (written: WrittenReference) => Reference): ClusterSpec {
  const { health } = cluster;
  return { ...cluster, health: health !== null && 'policy' in health ? { policy: own(health.policy) } : health };
}
