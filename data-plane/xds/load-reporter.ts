/**
 * Load reports (LRS): what this node sent to each cluster and zone since the report before, as often as the control
 * plane asks. A control plane that takes none is left alone; a stream that breaks loses no count.
 */
import { decode, durationMs, encode } from '../../proto/codec.ts';
import type { LoadStatsRequest, LoadStatsResponse } from '../../proto/envoy.ts';
import { limits } from './limits.ts';
import type { CountedLoad, LoadReporterOptions } from './ports.ts';
import { type ReportKind, ReportStream } from './report-stream.ts';
import { methods } from './stream.ts';

type ClusterStats = NonNullable<LoadStatsRequest['cluster_stats']>[number];
type LocalityStats = NonNullable<ClusterStats['upstream_locality_stats']>[number];

interface Asked {
  /** `all`, or the names of the clusters. */
  readonly clusters: 'all' | ReadonlySet<string>;
  readonly intervalMs: number;
}

const kind: ReportKind = { method: methods.load, event: 'lrs', words: 'load reports', askAgainMs: null };

export class LoadReporter {
  readonly #options: LoadReporterOptions;
  readonly #stream: ReportStream;
  /** What was reported of each count before. */
  readonly #reported = new WeakMap<CountedLoad, Omit<CountedLoad, 'zone'>>();

  constructor(options: LoadReporterOptions) {
    this.#options = options;
    this.#stream = new ReportStream(options, kind, {
      onOpen: () => this.#introduce(),
      onMessage: (bytes) => this.#wait(askedBy(decode('envoy.service.load_stats.v3.LoadStatsResponse', bytes))),
      onEnd: () => this.#stream.timers.stopAll(),
    });
  }

  /** Once. */
  start(): void {
    this.#stream.open();
  }

  close(): void {
    this.#stream.close();
  }

  #introduce(): void {
    const { id, group, zone, version } = this.#options.node;
    this.#send({
      node: {
        id,
        cluster: group,
        user_agent_name: 'fairlead',
        user_agent_version: version,
        locality: zone === '' ? null : { zone },
        client_features: ['envoy.lrs.supports_send_all_clusters'],
      },
    });
  }

  #wait(asked: Asked): void {
    this.#stream.timers.start('report', asked.intervalMs, () => {
      this.#report(asked);
      this.#wait(asked);
    });
  }

  #report({ clusters, intervalMs }: Asked): void {
    const load_report_interval = { seconds: Math.floor(intervalMs / 1000), nanos: (intervalMs % 1000) * 1e6 };
    const cluster_stats: ClusterStats[] = [];
    for (const { name, localities } of this.#options.clusters()) {
      if (clusters !== 'all' && !clusters.has(name)) continue;
      const upstream_locality_stats = [...localities].flatMap((load) => this.#news(load) ?? []);
      if (upstream_locality_stats.length === 0) continue;
      cluster_stats.push({ cluster_name: name, upstream_locality_stats, load_report_interval });
    }
    this.#send({ cluster_stats });
  }

  /** Undefined where nothing happened and nothing is under way. */
  #news(load: CountedLoad): LocalityStats | undefined {
    const { zone, issued, successful, errors, inProgress } = load;
    const before = this.#reported.get(load) ?? { issued: 0, successful: 0, errors: 0 };
    const finished = successful + errors - before.successful - before.errors;
    if (issued === before.issued && finished === 0 && inProgress === 0) return undefined;
    this.#reported.set(load, { issued, successful, errors, inProgress });
    return {
      locality: zone === '' ? {} : { zone },
      total_issued_requests: issued - before.issued,
      total_successful_requests: successful - before.successful,
      total_error_requests: errors - before.errors,
      total_requests_in_progress: inProgress,
    };
  }

  #send(request: LoadStatsRequest): void {
    this.#stream.send(encode('envoy.service.load_stats.v3.LoadStatsRequest', request));
  }
}

function askedBy(response: LoadStatsResponse): Asked {
  const wantedMs = durationMs((response.load_reporting_interval ?? {}) as { seconds?: unknown; nanos?: number });
  const intervalMs = Math.round(Math.min(Math.max(wantedMs, limits.loadReportMinMs), limits.loadReportMaxMs));
  return { clusters: response.send_all_clusters ? 'all' : new Set(response.clusters ?? []), intervalMs };
}
