/** What the control plane counts, for Prometheus. One registry a process; the tests make their own. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { FleetStats, TypeCounts } from '../fleet/counters.ts';
import type { AdmissionStats } from '../xds/admission.ts';

export type Metrics = ReturnType<typeof createMetrics>;

const secondBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** `withProcess`: CPU, memory, event loop and garbage collection of this process too (once a process). */
export function createMetrics(options: { withProcess: boolean }) {
  const registry = new Registry();
  const registers = [registry];
  if (options.withProcess) collectDefaultMetrics({ register: registry });
  return {
    registry,
    requests: new Counter({
      name: 'fairlead_http_requests_total',
      help: 'REST requests by method, route and status.',
      labelNames: ['method', 'route', 'status'],
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'fairlead_http_request_duration_seconds',
      help: 'REST requests, from the head of the request to the end of the answer.',
      labelNames: ['method', 'route'],
      buckets: secondBuckets,
      registers,
    }),
    refusals: new Counter({
      name: 'fairlead_http_refusals_total',
      help: 'REST requests refused at the door: no valid token (unauthenticated), or not this role (forbidden).',
      labelNames: ['reason'],
      registers,
    }),
    published: new Counter({
      name: 'fairlead_snapshots_published_total',
      help: 'Snapshots of a node group that replaced the one before.',
      labelNames: ['group'],
      registers,
    }),
    resourcesEncoded: new Counter({
      name: 'fairlead_resources_encoded_total',
      help: 'xDS resources that were encoded because a change made them anew.',
      labelNames: ['type'],
      registers,
    }),
    publishSeconds: new Histogram({
      name: 'fairlead_publish_duration_seconds',
      help: 'From the advance of the documents to the snapshot that shows it.',
      buckets: secondBuckets,
      registers,
    }),
  };
}

export interface MetricsSources {
  /** Revision of the documents that this replica shows. */
  revision(): number;
  healthy(): boolean;
  /** The database went back: a person is needed. */
  frozen(): boolean;
  /** Since the start. */
  rowsRead(): number;
  fleet(): FleetStats;
  /** New xDS streams. */
  joins(): AdmissionStats;
  /** Nodes that were sent to other replicas since the start. */
  nodesShed(): number;
  /** Groups that are served something older than the documents say. */
  failingGroups(): number;
}

/** Adds what others count already; it is read when Prometheus asks. */
export function observeSources({ registry }: Metrics, sources: MetricsSources): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('fairlead_store_revision', 'Revision of the documents that this replica shows.', () => sources.revision());
  gauge('fairlead_store_healthy', '1 while the database answers and the change feed is up to date.', () =>
    Number(sources.healthy()),
  );
  gauge(
    'fairlead_store_frozen',
    '1 if the database went back, so that nothing moves before a person restarts it.',
    () => Number(sources.frozen()),
  );
  new Counter({
    name: 'fairlead_store_rows_read_total',
    help: 'Rows that the database handed to this replica.',
    registers,
    collect() {
      this.reset();
      this.inc(sources.rowsRead());
    },
  });
  gauge('fairlead_groups_failing', 'Node groups that cannot be served the newest documents.', () =>
    sources.failingGroups(),
  );
  gauge('fairlead_nodes_connected', 'Nodes with a stream to this replica.', () => sources.fleet().nodesConnected);

  new Gauge({
    name: 'fairlead_xds_streams',
    help: 'Open xDS streams.',
    labelNames: ['variant'],
    registers,
    collect() {
      for (const [variant, open] of Object.entries(sources.fleet().streamsOpen)) this.set({ variant }, open);
    },
  });
  gauge('fairlead_xds_joins_in_work', 'New xDS streams that are served their first answers.', () => {
    return sources.joins().inWork;
  });
  gauge('fairlead_xds_joins_waiting', 'New xDS streams that wait for their turn.', () => sources.joins().waiting);
  new Counter({
    name: 'fairlead_xds_joins_refused_total',
    help: 'New xDS streams that were refused because too many waited.',
    registers,
    collect() {
      this.reset();
      this.inc(sources.joins().refused);
    },
  });
  new Counter({
    name: 'fairlead_xds_nodes_shed_total',
    help: 'Nodes that were asked to go to another replica because this one had more than its share.',
    registers,
    collect() {
      this.reset();
      this.inc(sources.nodesShed());
    },
  });
  const byType = (name: string, help: string, what: keyof TypeCounts) =>
    new Counter({
      name,
      help,
      labelNames: ['type'],
      registers,
      collect() {
        this.reset();
        for (const [type, counts] of Object.entries(sources.fleet().types)) this.inc({ type }, counts[what]);
      },
    });
  byType('fairlead_xds_responses_total', 'xDS responses sent.', 'responses');
  byType('fairlead_xds_response_bytes_total', 'Bytes of the xDS responses sent.', 'bytes');
  byType('fairlead_xds_acks_total', 'xDS responses that a node took.', 'acks');
  byType('fairlead_xds_nacks_total', 'xDS responses that a node refused.', 'nacks');
}
