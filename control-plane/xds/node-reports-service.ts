/** fairlead.report.v1.NodeReports: nodes tell the states of their endpoints, all of them first and then what changes. */
import { decode, durationOf, encode } from '../../proto/codec.ts';
import type { HealthReport } from '../../proto/envoy.ts';
import type { SnapshotSource } from '../snapshot/snapshot.ts';
import { reportsOf } from './health-messages.ts';
import { limits } from './limits.ts';
import { type NodeCallPorts, NodeCalls } from './node-call.ts';
import type { HealthObserver } from './ports.ts';

export interface NodeReportsPorts extends NodeCallPorts {
  readonly source: SnapshotSource;
  readonly observer: HealthObserver;
}

export function nodeReportsService(ports: NodeReportsPorts): NodeCalls<HealthReport> {
  const { source, observer } = ports;
  return new NodeCalls<HealthReport>(
    {
      path: '/fairlead.report.v1.NodeReports/StreamHealth',
      subject: 'reports of health',
      message: 'fairlead.report.v1.HealthReport',
      decode: (bytes) => decode('fairlead.report.v1.HealthReport', bytes),
      admitted: (node, _first, send) => {
        send(encode('fairlead.report.v1.HealthReportRequest', { interval: durationOf(limits.healthReportMs) }));
        return () => observer.ended(node);
      },
      taken: (node, message) => {
        const served = source.get(node.group)?.types.clusters.resources;
        observer.reported(
          node,
          reportsOf(message, (name) => served?.has(name) === true),
        );
      },
    },
    ports,
  );
}
