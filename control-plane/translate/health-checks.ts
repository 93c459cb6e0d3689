/** HealthPolicy documents to envoy.config.core.v3.HealthCheck. */
import { durationOf } from '../../proto/codec.ts';
import type { HealthCheck } from '../../proto/envoy.ts';
import type { CheckSpec, HealthPolicySpec, HttpCheckSpec } from '../model/specs.ts';
import { uint32 } from './wire.ts';

/**
 * The checks of one cluster: none or one.
 * @param fallbackHost the Host of HTTP and gRPC probes where the policy names none
 * @param overHttp2 how its endpoints are asked over HTTP
 */
export function healthChecks({ active }: HealthPolicySpec, fallbackHost: string, overHttp2: boolean): HealthCheck[] {
  if (active === null) return [];
  return [
    {
      interval: durationOf(active.intervalMs),
      // else Envoy probes a cluster without traffic once a minute only, and detection takes longer than we say
      no_traffic_interval: durationOf(active.noTrafficIntervalMs ?? active.intervalMs),
      timeout: durationOf(active.timeoutMs),
      unhealthy_threshold: uint32(active.unhealthyAfter),
      healthy_threshold: uint32(active.healthyAfter),
      ...(active.jitterPercent > 0 && { interval_jitter_percent: active.jitterPercent }),
      ...(active.initialJitterMs > 0 && { initial_jitter: durationOf(active.initialJitterMs) }),
      ...probe(active.check, fallbackHost, overHttp2),
    },
  ];
}

function probe(check: CheckSpec, fallbackHost: string, overHttp2: boolean): HealthCheck {
  if ('http' in check) {
    const http = httpProbe(check.http, fallbackHost);
    return { http_health_check: { ...http, ...(overHttp2 && { codec_client_type: 'HTTP2' }) } };
  }
  if ('grpc' in check) {
    const { service, authority } = check.grpc;
    return { grpc_health_check: { service_name: service, authority: authority ?? fallbackHost } };
  }
  const { send, receive } = check.tcp;
  return { tcp_health_check: { ...(send !== null && { send: hexPayload(send) }), receive: receive.map(hexPayload) } };
}

function httpProbe({ method, path, host, headers, expect, receive }: HttpCheckSpec, fallbackHost: string) {
  const added = Object.entries(headers).map(([key, value]) => ({
    header: { key, value },
    append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' as const,
  }));
  return {
    // Envoy falls back to the cluster's name, whose slash no server takes for a host
    ...{ path, host: host ?? fallbackHost, expected_statuses: [...expect] },
    ...(method !== 'GET' && { method }),
    ...(added.length > 0 && { request_headers_to_add: added }),
    ...(receive.length > 0 && { receive: receive.map(hexPayload) }),
  };
}

/** Envoy reads payload texts as hex. */
function hexPayload(text: string): { text: string } {
  return { text: Buffer.from(text, 'utf8').toString('hex') };
}
