/** For tests: health checks as configured. */
import type { HealthCheckConfig, HttpProbeConfig, ProbeConfig } from '../model/config.ts';

export function checkOf(rest: Partial<Omit<HttpProbeConfig, 'type'>> = {}): HttpProbeConfig {
  return {
    type: 'http',
    method: 'GET',
    path: '/healthz',
    host: 'orders.internal',
    http2: false,
    expect: [{ start: 200, end: 201 }],
    retriable: [],
    headers: [],
    receive: [],
    ...rest,
  };
}

export function healthCheckOf(check: ProbeConfig, rest: Partial<HealthCheckConfig> = {}): HealthCheckConfig {
  return {
    check,
    intervalMs: 5_000,
    timeoutMs: 2_000,
    unhealthyThreshold: 2,
    healthyThreshold: 2,
    jitterPercent: 0,
    jitterMs: 0,
    initialJitterMs: 0,
    noTrafficIntervalMs: null,
    ...rest,
  };
}
