/** `/clusters`, as Envoy shows it: each cluster with its endpoints, their health and their load. */
import { hostPort, oneLine, socketAddress } from './answer.ts';
import type { ClusterView, HostView } from './parts.ts';

/** `cluster::ip:port::name::value` lines. */
export function* clustersText(clusters: readonly ClusterView[]): Iterable<string> {
  for (const { name, hosts } of clusters) {
    const cluster = oneLine(name);
    yield `${cluster}::observability_name::${cluster}\n${cluster}::added_via_api::true\n`;
    for (const host of hosts) {
      const before = `${cluster}::${hostPort(host.address, host.port)}::`;
      yield hostValues(host)
        .map(([key, value]) => `${before}${key}::${value}\n`)
        .join('');
    }
  }
}

function hostValues(host: HostView): [string, string | number][] {
  return [
    ['cx_active', host.connections],
    ['rq_active', host.activeRequests],
    ['hostname', oneLine(host.hostname)],
    ['health_flags', healthFlags(host)],
    // our own: Envoy has no word for all of it
    ['state', host.state],
    ['weight', host.weight],
    ['region', oneLine(host.region)],
    ['zone', oneLine(host.zone)],
    ['sub_zone', oneLine(host.subZone)],
    ['canary', 'false'],
    ['priority', host.priority],
    ['success_rate', -1],
    ['local_origin_success_rate', -1],
  ];
}

const edsFlags = {
  healthy: '',
  unhealthy: '/failed_eds_health',
  draining: '/eds_status_draining',
  degraded: '/degraded_eds_health',
};

const checkFlags = {
  pending: '/pending_active_hc',
  passing: '',
  degraded: '/degraded_active_hc',
  failing: '/failed_active_hc',
};

/** The same in JSON. */
const checkFields = {
  pending: { pending_active_hc: true },
  passing: {},
  degraded: { failed_active_degraded_check: true },
  failing: { failed_active_health_check: true },
};

/** `healthy`, or each thing that speaks against it. */
function healthFlags(host: HostView): string {
  const seen = checkFlags[host.checked] + (host.isEjected ? '/failed_outlier_check' : '');
  return seen + edsFlags[host.edsHealth] || 'healthy';
}

/** envoy.admin.v3.Clusters */
export function clustersJson(clusters: readonly ClusterView[]): unknown {
  return {
    cluster_statuses: clusters.map(({ name, hosts }) => ({
      name,
      added_via_api: true,
      host_statuses: hosts.map(hostJson),
      observability_name: name,
    })),
  };
}

function hostJson(host: HostView): unknown {
  return {
    address: socketAddress(host.address, host.port),
    stats: [
      { type: 'GAUGE', name: 'cx_active', value: String(host.connections) },
      { type: 'GAUGE', name: 'rq_active', value: String(host.activeRequests) },
    ],
    health_status: {
      ...checkFields[host.checked],
      ...(host.isEjected ? { failed_outlier_check: true } : {}),
      eds_health_status: host.edsHealth.toUpperCase(),
    },
    weight: host.weight,
    ...(host.hostname === '' ? {} : { hostname: host.hostname }),
    ...(host.priority === 0 ? {} : { priority: host.priority }),
    locality: localityJson(host),
  };
}

function localityJson({ region, zone, subZone }: HostView): unknown {
  const said = Object.entries({ region, zone, sub_zone: subZone }).filter(([, name]) => name !== '');
  return Object.fromEntries(said);
}
