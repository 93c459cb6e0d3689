/** envoy.config.core.v3.HealthCheck: active checks over HTTP or TCP. */
import type { HealthCheck } from '../../../proto/envoy.ts';
import type { HealthCheckConfig } from '../../model/config.ts';
import { checkFields, fieldTable } from './fields.ts';
import { type Place, unsupported } from './problems.ts';
import { millis, positiveMillis, required, uint32Within, wireText } from './values.ts';

type HttpCheck = NonNullable<HealthCheck['http_health_check']>;
type TcpCheck = NonNullable<HealthCheck['tcp_health_check']>;
type Payload = NonNullable<TcpCheck['send']>;
type Check = HealthCheckConfig['check'];

const checkFieldTable = fieldTable('envoy.config.core.v3.HealthCheck', {
  carried: [
    ...[
      'timeout',
      'interval',
      'interval_jitter',
      'interval_jitter_percent',
      'unhealthy_threshold',
      'healthy_threshold',
    ],
    ...['http_health_check', 'tcp_health_check', 'unhealthy_interval', 'unhealthy_edge_interval'],
    'healthy_edge_interval',
  ],
  ignored: [
    // the interval holds with and without traffic; no check waits longer than asked
    ...['no_traffic_interval', 'no_traffic_healthy_interval', 'initial_jitter', 'reuse_connection'],
    ...['event_log_path', 'event_logger', 'event_service'],
    ...['always_log_health_check_failures', 'always_log_health_check_success'],
  ],
});

const httpFields = fieldTable('envoy.config.core.v3.HealthCheck.HttpHealthCheck', {
  carried: ['host', 'path', 'expected_statuses', 'codec_client_type'],
  ignored: ['response_buffer_size'],
  only: { method: ['METHOD_UNSPECIFIED', 'GET'] },
});

const tcpFields = fieldTable('envoy.config.core.v3.HealthCheck.TcpHealthCheck', { carried: ['send', 'receive'] });

/** `clusterName` is the Host of an HTTP check that says none. */
export function readHealthCheck(place: Place, message: HealthCheck, clusterName: string): HealthCheckConfig {
  checkFields(place, message, checkFieldTable);
  const intervalMs = requiredMillis(place, message, 'interval');
  checkOtherIntervals(place, message, intervalMs);
  const jitterMs = millis(place.field('interval_jitter'), message.interval_jitter, 0);
  return {
    check: readCheck(place, message, clusterName),
    intervalMs,
    timeoutMs: requiredMillis(place, message, 'timeout'),
    unhealthyThreshold: requiredCount(place, message, 'unhealthy_threshold'),
    healthyThreshold: requiredCount(place, message, 'healthy_threshold'),
    jitterPercent: message.interval_jitter_percent ?? 0,
    jitterMs,
    ...{ initialJitterMs: 0, noTrafficIntervalMs: null },
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

/** There is one interval, so the others may only repeat it. */
function checkOtherIntervals(place: Place, message: HealthCheck, intervalMs: number): void {
  for (const field of ['unhealthy_interval', 'unhealthy_edge_interval', 'healthy_edge_interval'] as const) {
    const at = place.field(field);
    if (millis(at, message[field], intervalMs) !== intervalMs) at.refuse(`other than interval is ${unsupported}`);
  }
}

function readCheck(place: Place, message: HealthCheck, clusterName: string): Check {
  if (message.http_health_check)
    return readHttp(place.field('http_health_check'), message.http_health_check, clusterName);
  if (message.tcp_health_check) return readTcp(place.field('tcp_health_check'), message.tcp_health_check);
  if (!message.grpc_health_check && !message.custom_health_check) place.refuse('says no health checker');
  return { type: 'tcp', send: null, receive: [] };
}

function readHttp(place: Place, message: HttpCheck, clusterName: string): Check {
  checkFields(place, message, httpFields);
  const path = required(place.field('path'), message.path);
  if (/[\0-\x20\x7f]/.test(path)) place.field('path').refuse('must not hold spaces or control characters');
  const codec = message.codec_client_type ?? 'HTTP1';
  if (codec === 'HTTP3') place.field('codec_client_type').refuse(`"${codec}" is ${unsupported}`);
  const ranges = message.expected_statuses ?? [];
  const expect = ranges.map((range, index) => {
    const [start, end] = [Number(range.start ?? 0), Number(range.end ?? 0)];
    const at = place.item('expected_statuses', index);
    if (start >= end || start < 100 || end > 600) at.refuse('must be a range [start, end) within [100, 600)');
    return { start, end };
  });
  return {
    type: 'http',
    path,
    host: wireText(place.field('host'), message.host || clusterName),
    http2: codec === 'HTTP2',
    expect: expect.length > 0 ? expect : [{ start: 200, end: 201 }],
    ...{ method: 'GET', retriable: [], headers: [], receive: [] },
  };
}

function readTcp(place: Place, message: TcpCheck): Check {
  checkFields(place, message, tcpFields);
  return {
    type: 'tcp',
    send: message.send ? readPayload(place.field('send'), message.send) : null,
    receive: (message.receive ?? []).map((payload, index) => readPayload(place.item('receive', index), payload)),
  };
}

/** Texts are hex. */
function readPayload(place: Place, payload: Payload): Uint8Array {
  if (payload.binary !== undefined) return Uint8Array.from(payload.binary as Uint8Array);
  const text = payload.text ?? '';
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(text)) place.field('text').refuse('must be pairs of hex digits');
  return Uint8Array.from(Buffer.from(text, 'hex'));
}
