/** HealthPolicy documents to envoy.config.core.v3.HealthCheck. */
import { durationOf } from '../../proto/codec.ts';
import type { HealthCheck } from '../../proto/envoy.ts';
import type { HealthPolicySpec } from '../model/specs.ts';
import { uint32 } from './wire.ts';

type ActiveSpec = NonNullable<HealthPolicySpec['active']>;

/**
 * The checks of one cluster: none or one.
 * @param fallbackHost the Host of HTTP probes where the policy names none
 * @param overHttp2 how its endpoints are asked over HTTP
 */
export function healthChecks({ active }: HealthPolicySpec, fallbackHost: string, overHttp2: boolean): HealthCheck[] {
  if (active === null) return [];
  return [
    {
      interval: durationOf(active.intervalMs),
      // else Envoy probes a cluster without traffic once a minute only, and detection takes longer than we say
      no_traffic_interval: durationOf(active.intervalMs),
      timeout: durationOf(active.timeoutMs),
      unhealthy_threshold: uint32(active.unhealthyAfter),
      healthy_threshold: uint32(active.healthyAfter),
      ...(active.jitterPercent > 0 && { interval_jitter_percent: active.jitterPercent }),
      ...probe(active.check, fallbackHost, overHttp2),
    },
  ];
}

function probe(check: ActiveSpec['check'], fallbackHost: string, overHttp2: boolean): HealthCheck {
  if ('http' in check) {
    const { path, host, expect } = check.http;
    // Envoy falls back to the cluster's name, whose slash no server takes for a host
    const common = { path, host: host ?? fallbackHost, expected_statuses: [...expect] };
    return { http_health_check: { ...common, ...(overHttp2 && { codec_client_type: 'HTTP2' }) } };
  }
  const { send, receive } = check.tcp;
  return {
    tcp_health_check: {
      ...(send !== null && { send: hexPayload(send) }),
      receive: receive === null ? [] : [hexPayload(receive)],
    },
  };
}

/** Envoy reads payload texts as hex. */
function hexPayload(text: string): { text: string } {
  return { text: Buffer.from(text, 'utf8').toString('hex') };
}
