import { describe, expect, test } from 'vitest';
import { validateBootstrap } from '../../e2e/support/envoy.ts';
import { requirePeer } from '../../e2e/support/peers.ts';
import { testFile } from '../../e2e/support/tls.ts';
import { type EnvoyBootstrapOptions, envoyBootstrap, grpcBootstrap } from './bootstrap.ts';

const options: EnvoyBootstrapOptions = {
  group: 'edge',
  id: 'envoy-1',
  xds: { host: '127.0.0.1', port: 7071 },
  token: 'secret',
  tls: undefined,
  variant: 'delta',
  adminPort: 9901,
};

function clustersOf(bootstrap: Record<string, unknown>): readonly Record<string, unknown>[] {
  return (bootstrap['static_resources'] as { clusters: Record<string, unknown>[] }).clusters;
}

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
  expect(
    grpcBootstrap({ group: 'edge', id: 'shop-1', token: 'secret', xds: { host, port: 7071 }, tls: undefined }),
  ).toEqual({
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

const tls = { ca: '/etc/fairlead/ca.pem', client: undefined };
const client = { cert: '/etc/fairlead/node.pem', key: '/etc/fairlead/node.key' };

test.each([
  ['fairlead.example.com', { sni: 'fairlead.example.com' }, 'DNS'],
  ['127.0.0.1', {}, 'IP_ADDRESS'],
  ['::1', {}, 'IP_ADDRESS'],
])('over TLS Envoy demands that the control plane at %s is who it says', (host, name, san_type) => {
  const [cluster] = clustersOf(envoyBootstrap({ ...options, xds: { host, port: 7071 }, tls }));
  const { typed_config } = cluster!['transport_socket'] as { typed_config: Record<string, unknown> };
  const { '@type': _, ...context } = typed_config;
  expect(context).toEqual({
    ...name,
    common_tls_context: {
      tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
      validation_context: {
        trusted_ca: { filename: '/etc/fairlead/ca.pem' },
        match_typed_subject_alt_names: [{ san_type, matcher: { exact: host } }],
      },
    },
  });
});

test('a node with a certificate presents that, and no token', () => {
  const bootstrap = JSON.stringify(envoyBootstrap({ ...options, token: undefined, tls: { ...tls, client } }));
  expect(bootstrap).toContain(
    JSON.stringify([{ certificate_chain: { filename: client.cert }, private_key: { filename: client.key } }]),
  );
  expect(bootstrap).not.toContain('authorization');
});

test.each([
  ['tls', { ...options, tls }, {}],
  [
    'mTLS',
    { ...options, token: undefined, tls: { ...tls, client } },
    { certificate_file: client.cert, private_key_file: client.key },
  ],
])("gRPC's bootstrap for %s names the files", (_name, of, certificate) => {
  const { xds_servers, node } = grpcBootstrap(of) as Record<string, unknown>;
  const config = { ca_certificate_file: tls.ca, ...certificate, refresh_interval: '600s' };
  expect(xds_servers).toMatchObject([{ channel_creds: [{ type: 'tls', config }] }]);
  expect(Object.hasOwn(node as object, 'metadata')).toBe(of.token !== undefined);
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

  test.each(['localhost', '127.0.0.1'])('takes the bootstrap of mTLS with the control plane at %s', async (host) => {
    const files = {
      ca: testFile('ca.pem'),
      client: { cert: testFile('edge.pem'), key: testFile('client.key') },
    };
    const bootstrap = envoyBootstrap({ ...options, xds: { host, port: 7071 }, token: undefined, tls: files });
    expect(await validateBootstrap(bootstrap)).toBeUndefined();
  });

  test('does not take one that it does not understand, and says what it is', async () => {
    const bootstrap = { ...envoyBootstrap(options), dynamic_resource: {} };
    expect(await validateBootstrap(bootstrap)).toContain('dynamic_resource');
  });
});
