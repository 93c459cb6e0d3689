/** The `dns` of a Cluster document to the fields of envoy.config.cluster.v3.Cluster that say it. */
import { durationOf } from '../../proto/codec.ts';
import type { Cluster } from '../../proto/envoy.ts';
import { resourceName } from '../../proto/names.ts';
import type { DnsSpec, Typed } from '../model/specs.ts';

/** At random on top, so that the nodes of a group do not all ask at once. */
const jitterMs = 500;
/** Where the answer does not say how long it holds (Envoy's own default), and after one that failed. */
const refreshMs = 5_000;
const failureRefreshMs = { base: 1_000, max: 30_000 };

export function overDns(
  { document }: Typed<'Cluster'>,
  { host, port, resolve, refreshMs: every }: DnsSpec,
): Partial<Cluster> {
  const endpoint = { address: { socket_address: { address: host, port_value: port } } };
  return {
    type: resolve === 'strict' ? 'STRICT_DNS' : 'LOGICAL_DNS',
    load_assignment: {
      cluster_name: resourceName(document.tenant, document.name),
      endpoints: [{ lb_endpoints: [{ endpoint }] }],
    },
    dns_refresh_rate: durationOf(every ?? refreshMs),
    ...(every === null && { respect_dns_ttl: true }),
    dns_failure_refresh_rate: {
      base_interval: durationOf(failureRefreshMs.base),
      max_interval: durationOf(failureRefreshMs.max),
    },
    dns_jitter: durationOf(jitterMs),
    // one endpoint may have both, and is reached by whichever answers; two endpoints would be twice the same server
    dns_lookup_family: resolve === 'strict' ? 'V4_PREFERRED' : 'ALL',
  };
}
