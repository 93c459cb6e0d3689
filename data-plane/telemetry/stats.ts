/**
 * The ready-made sets of stats, named and tagged as Envoy names and tags them. The hot path does `set.field.value++` and
 * `set.histogram.record(ms)`, nothing else. `scope.drop()` takes a set away when its owner goes.
 */
import { preludeStats } from './prelude-stats.ts';
import type { Counter, StatsRegistry } from './registry.ts';
import { underscoreStats } from './underscore-stats.ts';

export type ClusterStats = ReturnType<typeof clusterStats>;
export type DnsStats = ReturnType<typeof dnsStats>;
export type HttpStats = ReturnType<typeof httpStats>;
export type Http2Stats = ReturnType<typeof http2Stats>;
export type TcpStats = ReturnType<typeof tcpStats>;
export type ListenerStats = ReturnType<typeof listenerStats>;
export type FilesystemStats = ReturnType<typeof filesystemStats>;
export type OverloadStats = ReturnType<typeof overloadStats>;

export const clusterPrefix = (name: string): string => `cluster.${name}.`;

/** @param name the cluster's: `checkout/orders` */
export function clusterStats(registry: StatsRegistry, name: string) {
  const scope = registry.scope(clusterPrefix(name), 'envoy_cluster_', { envoy_cluster_name: name });
  return {
    scope,
    cxTotal: scope.counter('upstream_cx_total', 'Connections opened to endpoints'),
    cxActive: scope.totalled('upstream_cx_active', 'Open connections to endpoints'),
    cxOverflow: scope.counter('upstream_cx_overflow', 'Connections that were one too many for the cluster'),
    cxHttp1Total: scope.counter('upstream_cx_http1_total', 'HTTP/1.1 connections opened to endpoints'),
    cxHttp2Total: scope.counter('upstream_cx_http2_total', 'HTTP/2 connections opened to endpoints'),
    cxConnectFail: scope.counter('upstream_cx_connect_fail', 'Connects that failed, timeouts included'),
    cxConnectTimeout: scope.counter('upstream_cx_connect_timeout', 'Connects that took too long'),
    cxConnectMs: scope.histogram('upstream_cx_connect_ms', 'Time to connect, ms'),
    cxLengthMs: scope.histogram('upstream_cx_length_ms', 'Life of a connection, ms'),
    cxIdleTimeout: scope.counter('upstream_cx_idle_timeout', 'Connections closed for being idle'),
    cxMaxRequests: scope.counter('upstream_cx_max_requests', 'Connections closed after their last allowed request'),
    cxNoneHealthy: scope.counter('upstream_cx_none_healthy', 'Times that no endpoint could be picked'),
    cxCloseNotify: scope.counter('upstream_cx_close_notify', 'Connections that the endpoint announced to end'),
    cxDestroy: scope.counter('upstream_cx_destroy', 'Connections closed'),
    cxDestroyLocal: scope.counter('upstream_cx_destroy_local', 'Connections closed by this side'),
    cxDestroyRemote: scope.counter('upstream_cx_destroy_remote', 'Connections closed by the endpoint'),
    cxDestroyWithActiveRq: scope.counter(
      'upstream_cx_destroy_with_active_rq',
      'Connections closed with a request under way',
    ),
    cxProtocolError: scope.counter('upstream_cx_protocol_error', 'Connections closed for a malformed answer'),
    cxRxBytesTotal: scope.counter('upstream_cx_rx_bytes_total', 'Bytes received from endpoints'),
    cxTxBytesTotal: scope.counter('upstream_cx_tx_bytes_total', 'Bytes sent to endpoints'),
    rqTotal: scope.counter('upstream_rq_total', 'Requests sent to endpoints'),
    rqActive: scope.totalled('upstream_rq_active', 'Requests under way'),
    /** Retries that are planned or under way. */
    retriesActive: scope.unlistedTotalled('retries_active'),
    rqCompleted: scope.counter('upstream_rq_completed', 'Requests that were answered'),
    /** By class: index with `(status / 100) | 0`. */
    rqXx: scope.statusClasses('upstream_rq', 'Answers by class of status'),
    rqPendingTotal: scope.counter('upstream_rq_pending_total', 'Requests that waited for a connection'),
    rqPendingActive: scope.totalled('upstream_rq_pending_active', 'Requests that wait for a connection'),
    /** Of those, the ones for which none is being made. */
    rqWaiting: scope.unlistedTotalled('rq_waiting'),
    rqPendingOverflow: scope.counter('upstream_rq_pending_overflow', 'Requests for which too many wait already'),
    rqActiveOverflow: scope.counter('upstream_rq_active_overflow', 'Requests for which too many are under way'),
    rqPendingFailureEject: scope.counter(
      'upstream_rq_pending_failure_eject',
      'Requests that failed because their connection could not be made',
    ),
    rqCancelled: scope.counter('upstream_rq_cancelled', 'Requests given up before a connection was there'),
    rqTimeout: scope.counter('upstream_rq_timeout', 'Requests that were not answered in time'),
    rqPerTryTimeout: scope.counter('upstream_rq_per_try_timeout', 'Tries that were not answered in time'),
    rqRetry: scope.counter('upstream_rq_retry', 'Retries'),
    rqRetryBackoff: scope.counter('upstream_rq_retry_backoff_exponential', 'Retries after a growing wait'),
    rqRetryLimitExceeded: scope.counter('upstream_rq_retry_limit_exceeded', 'Requests without a retry left'),
    rqRetryOverflow: scope.counter('upstream_rq_retry_overflow', 'Retries that the budget did not allow'),
    rqRetrySuccess: scope.counter('upstream_rq_retry_success', 'Requests that a retry saved'),
    rqRxReset: scope.counter('upstream_rq_rx_reset', 'Requests reset by the endpoint'),
    rqTxReset: scope.counter('upstream_rq_tx_reset', 'Requests reset by this side'),
    rqTimeMs: scope.histogram('upstream_rq_time', 'Time to answer a request, ms'),
    membershipChange: scope.nodeCounter('membership_change', 'Changes of the set of endpoints'),
    membershipTotal: scope.nodeGauge('membership_total', 'Endpoints'),
    membershipHealthy: scope.nodeGauge('membership_healthy', 'Healthy endpoints'),
    membershipDegraded: scope.nodeGauge('membership_degraded', 'Degraded endpoints'),
    membershipExcluded: scope.nodeGauge('membership_excluded', 'Endpoints that are not checked yet, or drain'),
    healthCheckAttempt: scope.nodeCounter('health_check.attempt', 'Active health checks made'),
    healthCheckSuccess: scope.nodeCounter('health_check.success', 'Active health checks that passed'),
    healthCheckFailure: scope.nodeCounter(
      'health_check.failure',
      'Active health checks that failed, network failures included',
    ),
    healthCheckNetworkFailure: scope.nodeCounter(
      'health_check.network_failure',
      'Active health checks that failed to connect or were cut or timed out',
    ),
    healthCheckDegraded: scope.nodeGauge(
      'health_check.degraded',
      'Endpoints that pass them, and call themselves degraded',
    ),
    healthCheckHealthy: scope.nodeGauge('health_check.healthy', 'Endpoints that pass their active health checks'),
    lbHealthyPanic: scope.counter('lb_healthy_panic', 'Picks made in panic: among all endpoints, or none'),
    lbSubsetsActive: scope.nodeGauge('lb_subsets_active', 'Subsets that have endpoints'),
    lbSubsetsCreated: scope.nodeCounter('lb_subsets_created', 'Subsets that came'),
    lbSubsetsRemoved: scope.nodeCounter('lb_subsets_removed', 'Subsets that went'),
    lbSubsetsSelected: scope.counter('lb_subsets_selected', 'Picks in the subset that was asked for'),
    lbSubsetsFallback: scope.counter('lb_subsets_fallback', 'Picks in what stands in for a subset'),
    lbRecalculateZoneStructures: scope.counter(
      'lb_recalculate_zone_structures',
      'Times that it was worked out how much stays in the own zone',
    ),
    lbZoneClusterTooSmall: scope.counter(
      'lb_zone_cluster_too_small',
      'Times that there were too few endpoints to go by zones',
    ),
    lbZoneRoutingAllDirectly: scope.counter('lb_zone_routing_all_directly', 'Picks in the own zone, which takes all'),
    lbZoneRoutingSampled: scope.counter('lb_zone_routing_sampled', 'Picks in the own zone, which takes a part'),
    lbZoneRoutingCrossZone: scope.counter('lb_zone_routing_cross_zone', 'Picks in other zones'),
    lbZoneNoCapacityLeft: scope.counter('lb_zone_no_capacity_left', 'Picks for which rounding had left no zone over'),
  };
}

/** @param name of a cluster whose endpoints come from names */
export function dnsStats(registry: StatsRegistry, name: string) {
  const scope = registry.scope(clusterPrefix(name), 'envoy_cluster_', { envoy_cluster_name: name });
  return {
    scope,
    attempt: scope.counter('update_attempt', 'Times that a name was looked up'),
    success: scope.counter('update_success', 'Lookups that were answered'),
    failure: scope.counter('update_failure', 'Lookups that nobody answered'),
    noRebuild: scope.counter('update_no_rebuild', 'Answers that changed nothing'),
  };
}

/** @param statPrefix of the HTTP connection manager */
export function httpStats(registry: StatsRegistry, statPrefix: string) {
  const scope = registry.scope(`http.${statPrefix}.`, 'envoy_http_', { envoy_http_conn_manager_prefix: statPrefix });
  return {
    scope,
    cxTotal: scope.counter('downstream_cx_total', 'Connections accepted'),
    cxActive: scope.gauge('downstream_cx_active', 'Open connections'),
    cxHttp1Total: scope.counter('downstream_cx_http1_total', 'HTTP/1.1 connections accepted'),
    cxHttp1Active: scope.gauge('downstream_cx_http1_active', 'Open HTTP/1.1 connections'),
    cxHttp2Total: scope.counter('downstream_cx_http2_total', 'HTTP/2 connections accepted'),
    cxHttp2Active: scope.gauge('downstream_cx_http2_active', 'Open HTTP/2 connections'),
    cxDestroy: scope.counter('downstream_cx_destroy', 'Connections closed'),
    cxDestroyLocal: scope.counter('downstream_cx_destroy_local', 'Connections closed by this side'),
    cxDestroyRemote: scope.counter('downstream_cx_destroy_remote', 'Connections closed by the client'),
    cxDestroyActiveRq: scope.counter('downstream_cx_destroy_active_rq', 'Connections closed with a request under way'),
    cxLengthMs: scope.histogram('downstream_cx_length_ms', 'Life of a connection, ms'),
    cxRxBytesTotal: scope.counter('downstream_cx_rx_bytes_total', 'Bytes received from clients'),
    cxTxBytesTotal: scope.counter('downstream_cx_tx_bytes_total', 'Bytes sent to clients'),
    cxDrainClose: scope.counter('downstream_cx_drain_close', 'Connections closed by draining'),
    cxIdleTimeout: scope.counter('downstream_cx_idle_timeout', 'Connections closed for being idle'),
    cxProtocolError: scope.counter('downstream_cx_protocol_error', 'Malformed requests'),
    cxUpgradesTotal: scope.counter('downstream_cx_upgrades_total', 'Tunnels opened by upgrades and CONNECT'),
    cxUpgradesActive: scope.gauge('downstream_cx_upgrades_active', 'Open tunnels'),
    rqTotal: scope.counter('downstream_rq_total', 'Requests'),
    rqActive: scope.gauge('downstream_rq_active', 'Requests under way'),
    rqHttp1Total: scope.counter('downstream_rq_http1_total', 'HTTP/1.1 requests'),
    rqHttp2Total: scope.counter('downstream_rq_http2_total', 'HTTP/2 requests'),
    rqCompleted: scope.counter('downstream_rq_completed', 'Requests that were answered'),
    /** By class: index with `(status / 100) | 0`. */
    rqXx: scope.statusClasses('downstream_rq', 'Answers by class of status'),
    rqTimeMs: scope.histogram('downstream_rq_time', 'Time to answer a request, ms'),
    rqTimeout: scope.counter('downstream_rq_timeout', 'Requests that did not arrive whole in time'),
    rqHeaderTimeout: scope.counter('downstream_rq_header_timeout', 'Requests whose head did not arrive in time'),
    rqIdleTimeout: scope.counter('downstream_rq_idle_timeout', 'Requests on which nothing moved for too long'),
    rqMaxDurationReached: scope.counter(
      'downstream_rq_max_duration_reached',
      'Requests that lasted longer than their route or their deadline allows',
    ),
    rqRxReset: scope.counter('downstream_rq_rx_reset', 'Requests that the client gave up, or broke'),
    rqTxReset: scope.counter('downstream_rq_tx_reset', 'Requests cut off by this side'),
    rqOverloadClose: scope.counter('downstream_rq_overload_close', 'Requests refused because there were too many'),
    rqNonRelativePath: scope.counter('downstream_rq_non_relative_path', 'Requests with a target that is no path'),
    rqFailedPathNormalization: scope.counter(
      'downstream_rq_failed_path_normalization',
      'Requests refused for a path that has no safe normal form',
    ),
    rqTooManyPrematureResets: scope.counter(
      'downstream_rq_too_many_premature_resets',
      'HTTP/2 connections closed because too many of their requests were reset',
    ),
    noRoute: scope.counter('no_route', 'Requests that matched no route'),
    noCluster: scope.counter('no_cluster', 'Requests whose cluster is not there'),
  };
}

/** What the HTTP/2 codec of all listeners does; `flood` by what the peer did too much of. */
export function http2Stats(registry: StatsRegistry) {
  const scope = registry.scope('http2.', 'envoy_http2_', {});
  const flood = (stat: string, what: string): Counter => scope.counter(stat, `Connections closed for too many ${what}`);
  const headerOverflow = scope.counter('header_overflow', 'Lists of headers over the limits');
  return {
    scope,
    streamsActive: scope.gauge('streams_active', 'Streams under way'),
    rxReset: scope.counter('rx_reset', 'Streams reset by the peer'),
    txReset: scope.counter('tx_reset', 'Streams reset by this side'),
    txFlushTimeout: scope.counter('tx_flush_timeout', 'Streams reset because the peer did not take the answer'),
    rxMessagingError: scope.counter('rx_messaging_error', "Streams reset for breaking HTTP's rules"),
    trailers: scope.counter('trailers', 'Requests with trailers'),
    goawaySent: scope.counter('goaway_sent', 'Goodbyes said'),
    ...underscoreStats(scope),
    headerOverflow,
    flood: {
      idleFrames: flood('inbound_idle_frames_flood', 'frames that carry nothing'),
      emptyFrames: flood('inbound_empty_frames_flood', 'empty frames'),
      priorities: flood('inbound_priority_frames_flood', 'PRIORITY frames'),
      windowUpdates: flood('inbound_window_update_frames_flood', 'WINDOW_UPDATE frames'),
      controlFrames: flood('outbound_control_flood', 'answers to control frames that were not read'),
      output: flood('outbound_flood', 'frames that were not read'),
      headers: headerOverflow,
    },
  };
}

/** @param statPrefix of the TCP proxy */
export function tcpStats(registry: StatsRegistry, statPrefix: string) {
  const scope = registry.scope(`tcp.${statPrefix}.`, 'envoy_tcp_', { envoy_tcp_prefix: statPrefix });
  return {
    scope,
    cxTotal: scope.counter('downstream_cx_total', 'Connections proxied'),
    cxNoRoute: scope.counter('downstream_cx_no_route', 'Connections whose cluster is not there'),
    cxRxBytesTotal: scope.counter('downstream_cx_rx_bytes_total', 'Bytes received from clients'),
    cxTxBytesTotal: scope.counter('downstream_cx_tx_bytes_total', 'Bytes sent to clients'),
    flowControlPausedReadingTotal: scope.counter(
      'downstream_flow_control_paused_reading_total',
      'Times that reading from a client stopped because the endpoint is slow',
    ),
    flowControlResumedReadingTotal: scope.counter(
      'downstream_flow_control_resumed_reading_total',
      'Times that reading from a client went on',
    ),
    idleTimeout: scope.counter('idle_timeout', 'Connections closed for being idle'),
  };
}

export const listenerPrefix = (name: string): string => `listener.${name}.`;

/** @param name the listener's */
export function listenerStats(registry: StatsRegistry, name: string) {
  const scope = registry.scope(listenerPrefix(name), 'envoy_listener_', { envoy_listener_address: name });
  return {
    scope,
    cxTotal: scope.counter('downstream_cx_total', 'Connections accepted'),
    cxActive: scope.totalled('downstream_cx_active', 'Open connections'),
    cxDestroy: scope.counter('downstream_cx_destroy', 'Connections closed'),
    cxLengthMs: scope.histogram('downstream_cx_length_ms', 'Life of a connection, ms'),
    cxOverflow: scope.counter('downstream_cx_overflow', 'Connections refused because the listener is full'),
    cxGlobalOverflow: scope.counter('downstream_global_cx_overflow', 'Connections refused because the node is full'),
    cxAddressOverflow: scope.counter(
      'downstream_cx_address_overflow',
      'Connections refused because their address has enough',
    ),
    cxOverloadReject: scope.counter(
      'downstream_cx_overload_reject',
      'Connections refused because the node has no memory left',
    ),
    ...preludeStats(scope),
    cxTransportSocketConnectTimeout: scope.counter(
      'downstream_cx_transport_socket_connect_timeout',
      'Connections whose TLS handshake took too long',
    ),
    sslHandshake: scope.counter('ssl.handshake', 'TLS handshakes that were completed'),
    sslConnectionError: scope.counter('ssl.connection_error', 'TLS handshakes that failed'),
  };
}

/** Of the access logs. */
export function filesystemStats(registry: StatsRegistry) {
  const scope = registry.scope('filesystem.', 'envoy_filesystem_', {});
  return {
    buffered: scope.counter('write_buffered', 'Log lines taken'),
    completed: scope.counter('write_completed', 'Batches of log lines written'),
    failed: scope.counter('write_failed', 'Batches of log lines that could not be written'),
    dropped: scope.counter('lines_dropped', 'Log lines lost to a slow or broken destination'),
  };
}

/** What presses, and what is done about it. */
export function overloadStats(registry: StatsRegistry) {
  const scope = registry.scope('overload.', 'envoy_overload_', {});
  const monitor = 'envoy.resource_monitors';
  const action = 'envoy.overload_actions';
  return {
    memoryPressure: scope.greatest(`${monitor}.fixed_heap.pressure`, 'Memory in use, percent of what there may be'),
    loopDelayMs: scope.greatest('event_loop_delay_ms', 'Delay of the event loop, 99th percentile, ms'),
    shedsIdle: scope.greatest(`${action}.reduce_timeouts.active`, '1 while idle connections are closed'),
    stopsAccepting: scope.greatest(`${action}.stop_accepting_connections.active`, '1 while no connection is let in'),
    refusedPercent: scope.greatest(
      `${action}.stop_accepting_requests.scale_percent`,
      'New requests that are refused, percent',
    ),
  };
}

/** Envoy's numbers for `server.state`. */
export const serverStates = { LIVE: 0, DRAINING: 1, PRE_INITIALIZING: 2, INITIALIZING: 3 } as const;
export type ServerState = keyof typeof serverStates;

/** What the process says of itself, asked when shown. `concurrency`: threads that carry traffic. */
export function serverStats(
  registry: StatsRegistry,
  read: { uptimeMs: () => number; state: () => ServerState; concurrency: number },
): void {
  const scope = registry.scope('server.', 'envoy_server_', {});
  scope.measured('uptime', 'Seconds since the start', () => Math.floor(read.uptimeMs() / 1000));
  scope.measured(
    'state',
    '0: live, 1: draining, 2: waits for its first configuration',
    () => serverStates[read.state()],
  );
  scope.measured('live', '1 while it serves', () => (read.state() === 'LIVE' ? 1 : 0));
  scope.measured('concurrency', 'Threads that carry traffic', () => read.concurrency);
  scope.measured(heap.allocated, 'Heap in use, bytes', () => process.memoryUsage().heapUsed);
  scope.measured(heap.size, 'Heap, bytes', () => process.memoryUsage().heapTotal);
  scope.measured('memory_physical_size', 'Resident memory, bytes', () => process.memoryUsage.rss());
}

const heap = { allocated: 'memory_allocated', size: 'memory_heap_size' };

/** A worker's part of what the process says of itself. */
export function workerStats(registry: StatsRegistry) {
  const scope = registry.scope('server.', 'envoy_server_', {});
  return {
    allocated: scope.gauge(heap.allocated, 'Heap in use, bytes'),
    heapSize: scope.gauge(heap.size, 'Heap, bytes'),
  };
}

/** Of the main thread, where workers carry the traffic. */
export function workerRestarts(registry: StatsRegistry): Counter {
  const scope = registry.scope('server.', 'envoy_server_', {});
  return scope.counter('worker_restarts', 'Workers that were started in place of one that died');
}
