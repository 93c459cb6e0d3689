/** envoy.config.core.v3.HealthCheck: active checks over HTTP, gRPC or TCP. */
import type { HealthCheck } from '../../../proto/envoy.ts';
import type { ClusterConfig, HealthCheckConfig } from '../../model/config.ts';
import { checkFields, fieldTable } from './fields.ts';
import { readProbeHeaders } from './probe-headers.ts';
import { type Place, unsupported } from './problems.ts';
import { millis, positiveMillis, required, uint32Within, uint64Within, wireText } from './values.ts';

type HttpCheck = NonNullable<HealthCheck['http_health_check']>;
type TcpCheck = NonNullable<HealthCheck['tcp_health_check']>;
type GrpcCheck = NonNullable<HealthCheck['grpc_health_check']>;
type Payload = NonNullable<TcpCheck['send']>;
type Check = HealthCheckConfig['check'];

const checkFieldTable = fieldTable('envoy.config.core.v3.HealthCheck', {
  carried: [
    ...['timeout', 'interval', 'interval_jitter', 'interval_jitter_percent', 'initial_jitter', 'no_traffic_interval'],
    ...['unhealthy_threshold', 'healthy_threshold', 'http_health_check', 'tcp_health_check', 'grpc_health_check'],
    ...['unhealthy_interval', 'unhealthy_edge_interval', 'healthy_edge_interval'],
  ],
  ignored: [
    // no check waits longer than asked, and each opens a connection of its own
    ...['no_traffic_healthy_interval', 'reuse_connection'],
    ...['event_log_path', 'event_logger', 'event_service'],
    ...['always_log_health_check_failures', 'always_log_health_check_success'],
  ],
});

const httpFields = fieldTable('envoy.config.core.v3.HealthCheck.HttpHealthCheck', {
  carried: [
    ...['host', 'path', 'method', 'codec_client_type', 'expected_statuses', 'retriable_statuses', 'receive'],
    ...['response_buffer_size', 'request_headers_to_add'],
  ],
});

const grpcFields = fieldTable('envoy.config.core.v3.HealthCheck.GrpcHealthCheck', {
  carried: ['service_name', 'authority'],
});

const tcpFields = fieldTable('envoy.config.core.v3.HealthCheck.TcpHealthCheck', { carried: ['send', 'receive'] });

export interface CheckedCluster {
  /** The host that checks ask for where they say none. */
  readonly name: string;
  readonly protocol: ClusterConfig['protocol'];
}

export function readHealthCheck(place: Place, message: HealthCheck, cluster: CheckedCluster): HealthCheckConfig {
  checkFields(place, message, checkFieldTable);
  const intervalMs = requiredMillis(place, message, 'interval');
  const noTraffic = message.no_traffic_interval;
  const jitterMs = millis(place.field('interval_jitter'), message.interval_jitter, 0);
  return {
    check: readCheck(place, message, cluster),
    intervalMs,
    ...readIntervals(place, message, intervalMs),
    timeoutMs: requiredMillis(place, message, 'timeout'),
    unhealthyThreshold: requiredCount(place, message, 'unhealthy_threshold'),
    healthyThreshold: requiredCount(place, message, 'healthy_threshold'),
    jitterPercent: message.interval_jitter_percent ?? 0,
    jitterMs,
    initialJitterMs: millis(place.field('initial_jitter'), message.initial_jitter, 0),
    noTrafficIntervalMs: noTraffic ? positiveMillis(place.field('no_traffic_interval'), noTraffic, 0) : null,
  };
}

function requiredMillis(place: Place, message: HealthCheck, field: 'interval' | 'timeout'): number {
  const at = place.field(field);
  if (message[field] === null || message[field] === undefined) at.refuse('must be set');
  return positiveMillis(at, message[field], 1);
}

function requiredCount(place: Place, message: HealthCheck, field: 'unhealthy_threshold' | 'healthy_threshold'): number {
  const at = place.field(field);
  if (message[field] === null || message[field] === undefined) at.refuse('must be set');
  return uint32Within(at, message[field], 1, 1);
}

/** Those that are not said go by others, as in Envoy. */
function readIntervals(place: Place, message: HealthCheck, intervalMs: number): Pick<HealthCheckConfig, 'intervals'> {
  const {
    unhealthy_interval: unhealthy,
    unhealthy_edge_interval: unhealthyEdge,
    healthy_edge_interval: healthyEdge,
  } = message;
  if (!unhealthy && !unhealthyEdge && !healthyEdge) return {};
  const unhealthyMs = positiveMillis(place.field('unhealthy_interval'), unhealthy, intervalMs);
  const unhealthyEdgeMs = positiveMillis(
    place.field('unhealthy_edge_interval'),
    unhealthyEdge,
    unhealthyMs || intervalMs,
  );
  const healthyEdgeMs = positiveMillis(place.field('healthy_edge_interval'), healthyEdge, intervalMs);
  return { intervals: { unhealthyMs, unhealthyEdgeMs, healthyEdgeMs } };
}

function readCheck(place: Place, message: HealthCheck, cluster: CheckedCluster): Check {
  const { http_health_check: http, tcp_health_check: tcp, grpc_health_check: grpc } = message;
  if (http) return readHttp(place.field('http_health_check'), http, cluster);
  if (tcp) return readTcp(place.field('tcp_health_check'), tcp);
  if (grpc) return readGrpc(place.field('grpc_health_check'), grpc, cluster);
  if (!message.custom_health_check) place.refuse('says no health checker');
  return { type: 'tcp', send: null, receive: [] };
}

const methods: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH'];

function readHttp(place: Place, message: HttpCheck, cluster: CheckedCluster): Check {
  checkFields(place, message, httpFields);
  const path = required(place.field('path'), message.path);
  if (/[\0-\x20\x7f]/.test(path)) place.field('path').refuse('must not hold spaces or control characters');
  const codec = message.codec_client_type ?? 'HTTP1';
  const known = codec === 'HTTP1' || codec === 'HTTP2';
  if (!known) place.field('codec_client_type').refuse(`${JSON.stringify(codec)} is ${unsupported}`);
  const said = message.method ?? 'METHOD_UNSPECIFIED';
  const method = said === 'METHOD_UNSPECIFIED' ? 'GET' : `${said}`;
  if (!methods.includes(method)) place.field('method').refuse(`${method} is ${unsupported}`);
  const expect = readStatuses(place, 'expected_statuses', message);
  const buffer = message.response_buffer_size;
  return {
    type: 'http',
    method,
    path,
    host: wireText(place.field('host'), message.host || cluster.name),
    http2: codec === 'HTTP2',
    expect: expect.length > 0 ? expect : [{ start: 200, end: 201 }],
    retriable: readStatuses(place, 'retriable_statuses', message),
    headers: readProbeHeaders(place, message.request_headers_to_add ?? []),
    receive: readBlocks(place, message.receive),
    ...(buffer && { receiveBytes: uint64Within(place.field('response_buffer_size'), buffer, 0, 0) }),
  };
}

function readStatuses(place: Place, field: 'expected_statuses' | 'retriable_statuses', message: HttpCheck) {
  return (message[field] ?? []).map((range, index) => {
    const [start, end] = [Number(range.start ?? 0), Number(range.end ?? 0)];
    const at = place.item(field, index);
    if (start >= end || start < 100 || end > 600) at.refuse('must be a range [start, end) within [100, 600)');
    return { start, end };
  });
}

function readGrpc(place: Place, message: GrpcCheck, cluster: CheckedCluster): Check {
  checkFields(place, message, grpcFields);
  if (cluster.protocol !== 'http2' && cluster.protocol !== 'same-as-client') {
    place.refuse('needs a cluster that speaks HTTP/2');
  }
  const authority = wireText(place.field('authority'), message.authority || cluster.name);
  return { type: 'grpc', service: message.service_name ?? '', authority };
}

function readTcp(place: Place, message: TcpCheck): Check {
  checkFields(place, message, tcpFields);
  return {
    type: 'tcp',
    send: message.send ? readPayload(place.field('send'), message.send) : null,
    receive: readBlocks(place, message.receive),
  };
}

function readBlocks(place: Place, blocks: readonly Payload[] = []): Uint8Array[] {
  return blocks.map((payload, index) => readPayload(place.item('receive', index), payload));
}

/** Texts are hex. */
function readPayload(place: Place, payload: Payload): Uint8Array {
  if (payload.binary !== undefined) return Uint8Array.from(payload.binary as Uint8Array);
  const text = payload.text ?? '';
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(text)) place.field('text').refuse('must be pairs of hex digits');
  return Uint8Array.from(Buffer.from(text, 'hex'));
}
