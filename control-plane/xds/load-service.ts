/** Load reporting (LRS): nodes tell what they send where, in the interval that this server asks for. */
import { decode, durationOf, encode } from '../../proto/codec.ts';
import type { LoadStatsRequest, LoadStatsResponse } from '../../proto/envoy.ts';
import type { SnapshotSource } from '../snapshot/snapshot.ts';
import { limits } from './limits.ts';
import { loadsOf } from './load-messages.ts';
import { type NodeCallPorts, NodeCalls } from './node-call.ts';
import type { LoadObserver, NodeIdentity } from './ports.ts';

const allClustersFeature = 'envoy.lrs.supports_send_all_clusters';

export interface LoadPorts extends NodeCallPorts {
  readonly source: SnapshotSource;
  readonly observer: LoadObserver;
}

export function loadService(ports: LoadPorts): NodeCalls<LoadStatsRequest> {
  const { source, observer } = ports;
  return new NodeCalls<LoadStatsRequest>(
    {
      path: '/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats',
      subject: 'load reports',
      message: 'envoy.service.load_stats.v3.LoadStatsRequest',
      decode: (bytes) => decode('envoy.service.load_stats.v3.LoadStatsRequest', bytes),
      admitted: (node, first, send) => {
        const unwatch = ask(source, node, first, (response) =>
          send(encode('envoy.service.load_stats.v3.LoadStatsResponse', response)),
        );
        return () => {
          unwatch();
          observer.ended(node);
        };
      },
      taken: (node, message) => {
        const served = source.get(node.group)?.types.clusters.resources;
        const clusters = loadsOf(message, (name) => served?.has(name) === true);
        observer.reported(node, { intervalMs: limits.loadReportMs, clusters });
      },
    },
    ports,
  );
}

/** Says what to report; again when the group's clusters change, to a node that has to be told their names. */
function ask(
  source: SnapshotSource,
  { group }: NodeIdentity,
  { node }: LoadStatsRequest,
  send: (response: LoadStatsResponse) => void,
): () => void {
  const load_reporting_interval = durationOf(limits.loadReportMs);
  if (node?.client_features?.includes(allClustersFeature)) {
    send({ send_all_clusters: true, load_reporting_interval });
    return () => {};
  }
  const names = (): string[] => [...(source.get(group)?.types.clusters.resources.keys() ?? [])];
  let asked: readonly string[] = [];
  const tell = (): void => {
    asked = names();
    send({ clusters: [...asked], load_reporting_interval });
  };
  const unwatch = source.watch(group, () => {
    if (names().join('\n') !== asked.join('\n')) tell();
  });
  tell();
  return unwatch;
}
