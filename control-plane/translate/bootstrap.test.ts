import { describe, expect, test } from 'vitest';
import { validateBootstrap } from '../../e2e/support/envoy.ts';
import { requirePeer } from '../../e2e/support/peers.ts';
import { type EnvoyBootstrapOptions, envoyBootstrap, grpcBootstrap } from './bootstrap.ts';

const options: EnvoyBootstrapOptions = {
  group: 'edge',
  id: 'envoy-1',
  xds: { host: '127.0.0.1', port: 7071 },
  token: 'secret',
  variant: 'delta',
  adminPort: 9901,
};

test('a bootstrap names the node, its group and its token', () => {
  expect(envoyBootstrap(options)).toMatchObject({
    node: { id: 'envoy-1', cluster: 'edge' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: 9901 } } },
    dynamic_resources: {
      ads_config: { grpc_services: [{ initial_metadata: [{ key: 'authorization', value: 'Bearer secret' }] }] },
    },
  });
});

test('resources may expire in the incremental variant only: the other one does not stand it', () => {
  const features = ['xds.config.supports-resource-ttl'];
  expect(envoyBootstrap(options)['node']).toEqual({ id: 'envoy-1', cluster: 'edge', client_features: features });
  expect(envoyBootstrap({ ...options, variant: 'sotw' })['node']).toEqual({ id: 'envoy-1', cluster: 'edge' });
});

test.each([
  ['127.0.0.1', '127.0.0.1:7071'],
  ['::1', '[::1]:7071'],
  ['fairlead.example.com', 'fairlead.example.com:7071'],
])("gRPC's bootstrap names the node, its group, its token and the control plane at %s", (host, server_uri) => {
  expect(grpcBootstrap({ group: 'edge', id: 'shop-1', token: 'secret', xds: { host, port: 7071 } })).toEqual({
    xds_servers: [{ server_uri, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] }],
    node: { id: 'shop-1', cluster: 'edge', locality: {}, metadata: { 'fairlead.token': 'secret' } },
  });
});

test('a bootstrap has the load reported to the control plane, with the same token', () => {
  expect(envoyBootstrap(options)).toMatchObject({
    cluster_manager: {
      load_stats_config: {
        api_type: 'GRPC',
        grpc_services: [{ initial_metadata: [{ key: 'authorization', value: 'Bearer secret' }] }],
      },
    },
  });
});

test.each([
  ['delta', 'DELTA_GRPC'],
  ['sotw', 'GRPC'],
] as const)('variant %s is api_type %s', (variant, api_type) => {
  expect(envoyBootstrap({ ...options, variant })).toMatchObject({ dynamic_resources: { ads_config: { api_type } } });
});

describe.skipIf(requirePeer('envoy') === undefined)('a real Envoy', () => {
  test.each([
    ['delta', '127.0.0.1'],
    ['sotw', '127.0.0.1'],
    ['delta', '::1'],
    ['delta', 'fairlead.example.com'],
  ] as const)('takes the %s bootstrap with the control plane at %s', async (variant, host) => {
    const bootstrap = envoyBootstrap({ ...options, variant, xds: { host, port: 7071 } });
    expect(await validateBootstrap(bootstrap)).toBeUndefined();
  });

  test('does not take one that it does not understand, and says what it is', async () => {
    const bootstrap = { ...envoyBootstrap(options), dynamic_resource: {} };
    expect(await validateBootstrap(bootstrap)).toContain('dynamic_resource');
  });
});
