import { expect, test } from 'vitest';
import { clusterMessage } from './clusters.ts';
import { TranslationError } from './resources.ts';
import { asJson, documentSet, typed } from './testing.ts';

const probe = { interval: '5s', timeout: '1500ms', unhealthyAfter: 3, healthyAfter: 2, jitter: '10%' };
const httpPolicy = { active: { ...probe, http: { path: '/healthz', expect: '200-299' } } };

test('an http1 cluster asks for its endpoints over ADS and speaks HTTP/1.1 with its keep-alive settings', () => {
  const cluster = typed('Cluster', 'checkout/orders', { keepAlive: { connections: 128, requests: 500 } });
  expect(asJson('clusters', clusterMessage(documentSet([cluster]), cluster))).toEqual({
    '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
    name: 'checkout/orders',
    metadata: { filter_metadata: { 'fairlead.keep-alive': { connections: 128 } } },
    type: 'EDS',
    eds_cluster_config: { eds_config: { ads: {}, resource_api_version: 'V3' } },
    connect_timeout: '1s',
    per_connection_buffer_limit_bytes: 32_768,
    lb_policy: 'LEAST_REQUEST',
    least_request_lb_config: { choice_count: 2 },
    common_lb_config: {
      healthy_panic_threshold: { value: 50 },
      override_host_status: { statuses: ['UNKNOWN', 'HEALTHY', 'DEGRADED', 'DRAINING'] },
    },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        common_http_protocol_options: { idle_timeout: '60s', max_requests_per_connection: 500 },
        explicit_http_config: { http_protocol_options: {} },
      },
    },
    circuit_breakers: {
      thresholds: [
        {
          ...{ max_connections: 1024, max_pending_requests: 1024, max_requests: 1024 },
          retry_budget: { budget_percent: { value: 20 }, min_retry_concurrency: 3 },
        },
      ],
    },
    outlier_detection: {
      ...{ interval: '10s', base_ejection_time: '30s', max_ejection_time: '300s' },
      ...{ max_ejection_percent: 10, always_eject_one_host: true, consecutive_5xx: 5 },
      ...{ enforcing_consecutive_5xx: 100, enforcing_success_rate: 0 },
    },
  });
});

test.each([
  ['http2', { explicit_http_config: { http2_protocol_options: {} } }],
  ['grpc', { explicit_http_config: { http2_protocol_options: {} } }],
  ['same-as-client', { use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: {} } }],
])('a cluster of protocol %s says so, and how long its connections are kept', (protocol, versions) => {
  const active = { ...probe, http: { path: '/healthz' } };
  const cluster = typed('Cluster', 'orders', { protocol, keepAlive: { idle: '7s' }, health: { active } });
  const name = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const json = asJson('clusters', clusterMessage(documentSet([cluster]), cluster));
  expect(json).toMatchObject({
    typed_extension_protocol_options: { [name]: { common_http_protocol_options: { idle_timeout: '7s' }, ...versions } },
    circuit_breakers: { thresholds: [{ retry_budget: { budget_percent: { value: 20 } } }] },
  });
  // its endpoints are asked in what they speak, which for HTTP/1.1 needs no word
  expect(JSON.stringify(json).includes('"codec_client_type":"HTTP2"')).toBe(protocol !== 'same-as-client');
});

test("a tcp cluster has no HTTP options, and round robin is Envoy's own default", () => {
  const cluster = typed('Cluster', 'redis', {
    protocol: 'tcp',
    balance: { policy: 'round-robin', panic: '0%' },
  });
  const json = asJson('clusters', clusterMessage(documentSet([cluster]), cluster));
  expect(json).not.toHaveProperty('typed_extension_protocol_options');
  expect(json['circuit_breakers']).toEqual({ thresholds: [{ max_connections: 1024 }] });
  expect(json).not.toHaveProperty('least_request_lb_config');
  // the default of an enum is not written
  expect(json).not.toHaveProperty('lb_policy');
  expect(json).toMatchObject({ name: 'redis' });
  expect(json['common_lb_config']).toEqual({ healthy_panic_threshold: {} });
});

test.each([
  [{}, { type: 'STRICT_DNS', respect_dns_ttl: true, dns_refresh_rate: '5s', dns_lookup_family: 'V4_PREFERRED' }],
  [
    { resolve: 'logical', refresh: '30s' },
    { type: 'LOGICAL_DNS', dns_refresh_rate: '30s', dns_lookup_family: 'ALL' },
  ],
])('a cluster with a name holds its endpoint itself: %j', (dns, words) => {
  const written = { endpoints: undefined, dns: { host: 'orders.internal', port: 80, ...dns } };
  const cluster = typed('Cluster', 'checkout/orders', written);
  const json = asJson('clusters', clusterMessage(documentSet([cluster]), cluster));
  const address = { socket_address: { address: 'orders.internal', port_value: 80 } };
  expect(json).toMatchObject({
    ...words,
    load_assignment: {
      cluster_name: 'checkout/orders',
      endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
    },
    dns_jitter: '0.500s',
    dns_failure_refresh_rate: { base_interval: '1s', max_interval: '30s' },
  });
  expect(json).not.toHaveProperty('eds_cluster_config');
  expect('respect_dns_ttl' in json).toBe('respect_dns_ttl' in words);
});

test('what one endpoint bears is a threshold of its own', () => {
  const breakers = { connections: 9, pending: 8, requests: 7, retryBudget: '0%', perEndpoint: { connections: 3 } };
  const cluster = typed('Cluster', 'orders', { breakers });
  expect(asJson('clusters', clusterMessage(documentSet([cluster]), cluster))['circuit_breakers']).toEqual({
    thresholds: [
      {
        ...{ max_connections: 9, max_pending_requests: 8, max_requests: 7 },
        retry_budget: { budget_percent: {}, min_retry_concurrency: 3 },
      },
    ],
    per_host_thresholds: [{ max_connections: 3 }],
  });
});

test('an HTTP probe without a host uses the bare name of the cluster, since a slash is no part of a host', () => {
  const policy = typed('HealthPolicy', 'checkout/orders-health', httpPolicy);
  const cluster = typed('Cluster', 'checkout/orders', {
    health: 'orders-health',
  });
  expect(asJson('clusters', clusterMessage(documentSet([cluster, policy]), cluster))['health_checks']).toEqual([
    {
      timeout: '1.500s',
      interval: '5s',
      no_traffic_interval: '5s',
      interval_jitter_percent: 10,
      unhealthy_threshold: 3,
      healthy_threshold: 2,
      http_health_check: { host: 'orders', path: '/healthz', expected_statuses: [{ start: '200', end: '300' }] },
    },
  ]);
});

test.each([
  [{ tcp: {} }, { tcp_health_check: {} }],
  [
    { tcp: { send: 'PING', receive: ['+', 'PONG'] } },
    { tcp_health_check: { send: { text: '50494e47' }, receive: [{ text: '2b' }, { text: '504f4e47' }] } },
  ],
  [
    { http: { path: '/', method: 'POST', headers: { 'x-probe': 'a' }, receive: 'ok' } },
    {
      http_health_check: {
        ...{ path: '/', host: 'orders', method: 'POST', receive: [{ text: '6f6b' }] },
        request_headers_to_add: [
          { header: { key: 'x-probe', value: 'a' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' },
        ],
      },
    },
  ],
  [{ grpc: {} }, { grpc_health_check: { authority: 'orders' } }],
  [
    { grpc: { service: 'shop.Ledger', authority: 'a.b' } },
    { grpc_health_check: { service_name: 'shop.Ledger', authority: 'a.b' } },
  ],
  [
    { tcp: {}, noTrafficInterval: '1m', initialJitter: '3s' },
    { no_traffic_interval: '60s', initial_jitter: '3s' },
  ],
])("the probe %j in Envoy's words", (check, words) => {
  const cluster = typed('Cluster', 'orders', { health: { active: { ...probe, ...check } } });
  expect(asJson('clusters', clusterMessage(documentSet([cluster]), cluster))['health_checks']).toMatchObject([words]);
});

test('a health policy that does not exist is named together with the cluster that wants it', () => {
  const cluster = typed('Cluster', 'checkout/orders', { health: 'gone' });
  expect(() => clusterMessage(documentSet([cluster]), cluster)).toThrow(TranslationError);
  expect(() => clusterMessage(documentSet([cluster]), cluster)).toThrow(
    'Cluster checkout/orders: /spec/health names the HealthPolicy checkout/gone, which does not exist',
  );
});

test('a cluster is built anew only when it or its health policy changes', () => {
  const policy = typed('HealthPolicy', 'slow', httpPolicy);
  const cluster = typed('Cluster', 'orders', { health: 'slow' });
  const first = clusterMessage(documentSet([cluster, policy]), cluster);
  expect(clusterMessage(documentSet([cluster, policy, typed('Cluster', 'other')]), cluster)).toBe(first);
  const changed = typed('HealthPolicy', 'slow', { active: { ...probe, tcp: {} } });
  expect(clusterMessage(documentSet([cluster, changed]), cluster)).not.toBe(first);
});

test('a checked cluster lets removed endpoints go at once, and takes others from a resource of another name', () => {
  const endpoints = [{ address: '10.0.0.1', port: 80 }];
  const health = { active: { ...probe, tcp: {} } };
  const json = (spec: object) => {
    const cluster = typed('Cluster', 'orders', { endpoints, ...spec });
    return asJson('clusters', clusterMessage(documentSet([cluster]), cluster));
  };
  expect(json({ health })).toMatchObject({
    eds_cluster_config: { service_name: 'orders@10.0.0.1:80' },
    ignore_health_on_host_removal: true,
  });
  expect(json({}).eds_cluster_config).not.toHaveProperty('service_name');
});
