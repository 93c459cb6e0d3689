import { describe, expect, test } from 'vitest';
import { validateBootstrap } from '../../e2e/support/envoy.ts';
import { requirePeer } from '../../e2e/support/peers.ts';
import { type EnvoyBootstrapOptions, envoyBootstrap } from './bootstrap.ts';

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
