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
    ['hostname', ''],
    ['health_flags', healthFlags(host)],
    ['weight', host.weight],
    ['region', ''],
    ['zone', oneLine(host.zone)],
    ['sub_zone', ''],
    ['canary', 'false'],
    ['priority', 0],
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

/** `healthy`, or each thing that speaks against it. */
function healthFlags(host: HostView): string {
  const seen =
    (host.failsChecks ? '/failed_active_hc' : '') +
    (host.isDegraded ? '/degraded_active_hc' : '') +
    (host.isEjected ? '/failed_outlier_check' : '');
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
      ...(host.failsChecks ? { failed_active_health_check: true } : {}),
      ...(host.isDegraded ? { failed_active_degraded_check: true } : {}),
      ...(host.isEjected ? { failed_outlier_check: true } : {}),
      eds_health_status: host.edsHealth.toUpperCase(),
    },
    weight: host.weight,
    locality: host.zone === '' ? {} : { zone: host.zone },
  };
}
