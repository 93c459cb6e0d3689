import { expect, test } from 'vitest';
import { makeCertificate } from '../../e2e/support/certificates.ts';
import { translateGroup, translateGroupAgain } from './group.ts';
import { httpListener } from './listeners.ts';
import { asJson, certificateOf, documentSet, typed } from './testing.ts';

const tls = { certificates: ['shop', 'blue/own'], minVersion: '1.3' };

test('an https listener ends TLS with certificates that come by name over ADS, and is else as an http one', () => {
  const listener = asJson('listeners', httpListener(typed('Listener', 'public', { protocol: 'https', tls })));
  const plain = asJson('listeners', httpListener(typed('Listener', 'public')));
  const [chain] = listener['filter_chains'] as Record<string, unknown>[];
  const { transport_socket, transport_socket_connect_timeout, ...rest } = chain ?? {};
  expect({ ...listener, filter_chains: [rest] }).toEqual(plain);
  expect(transport_socket_connect_timeout).toBe('10s');
  const sds_config = { ads: {}, resource_api_version: 'V3' };
  expect(transport_socket).toEqual({
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
        alpn_protocols: ['h2', 'http/1.1'],
        tls_certificate_sds_secret_configs: [
          { name: 'shop', sds_config },
          { name: 'blue/own', sds_config },
        ],
      },
    },
  });
});

const authority = {
  certificate: undefined,
  key: undefined,
  ca: makeCertificate({ hosts: ['authority'], authority: true }).certificate,
};

test.each([
  ['require', ['spiffe://a.b/*', 'c.d']],
  ['request', []],
] as const)('a listener that asks for certificates (%s, %j) says so, and tells endpoints of them', (mode, sans) => {
  const asking = (client: object) => {
    const listener = httpListener(typed('Listener', 'public', { protocol: 'https', tls: { ...tls, client } }));
    const [chain] = asJson('listeners', listener)['filter_chains'] as {
      transport_socket: { typed_config: { common_tls_context: Record<string, unknown> } };
      filters: { typed_config: Record<string, unknown> }[];
    }[];
    const { common_tls_context: common, ...context } = chain!.transport_socket.typed_config;
    return { common, context, manager: chain!.filters.at(-1)!.typed_config };
  };
  const nobody = asking({ mode: 'none', ca: 'clients' });
  const { common, context, manager } = asking({ mode, ca: 'blue/clients', sans });
  const source = { name: 'blue/clients', sds_config: { ads: {}, resource_api_version: 'V3' } };
  const names = [
    { san_type: 'URI', matcher: { prefix: 'spiffe://a.b/' } },
    { san_type: 'DNS', matcher: { exact: 'c.d' } },
  ];
  expect(common).toEqual({
    ...nobody.common,
    ...(sans.length === 0
      ? { validation_context_sds_secret_config: source }
      : {
          combined_validation_context: {
            default_validation_context: { match_typed_subject_alt_names: names },
            validation_context_sds_secret_config: source,
          },
        }),
  });
  expect(context).toEqual({ ...nobody.context, ...(mode === 'require' && { require_client_certificate: true }) });
  expect(manager).toEqual({
    ...nobody.manager,
    forward_client_cert_details: 'SANITIZE_SET',
    set_current_client_cert_details: { subject: true, uri: true, dns: true },
  });
});

test('authorities become a message of their own, for the groups whose listeners name them', () => {
  const documents = documentSet([
    ...['edge', 'inner'].map((name) => typed('NodeGroup', name)),
    typed('Secret', 'shop', certificateOf('shop.example.com')),
    typed('Secret', 'clients', authority),
    typed('Listener', 'public', { protocol: 'https', tls: { certificates: 'shop', client: { ca: 'clients' } } }),
    typed('Listener', 'second', {
      ...{ groups: 'inner', protocol: 'https' },
      tls: { certificates: 'shop', client: { mode: 'none', ca: 'clients' } },
    }),
  ]);
  const { secrets } = translateGroup(documents, 'edge');
  expect(secrets[0]).toEqual({
    name: 'clients',
    message: { name: 'clients', validation_context: { trusted_ca: { inline_string: authority.ca } } },
    source: { kind: 'Secret', name: 'clients' },
  });
  expect(secrets.map(({ name }) => name)).toEqual(['clients', 'shop']);
  expect(translateGroup(documents, 'inner').secrets.map(({ name }) => name)).toEqual(['shop']);
});

test('a group is given the secrets that its listeners name, each once, and no other', () => {
  const documents = documentSet([
    ...['edge', 'inner', 'plain'].map((name) => typed('NodeGroup', name)),
    typed('Secret', 'shop', certificateOf('shop.example.com')),
    typed('Secret', 'blue/own', certificateOf('blue.example.com')),
    typed('Secret', 'spare', certificateOf('spare.example.com')),
    typed('Listener', 'public', { groups: ['edge'], protocol: 'https', tls }),
    typed('Listener', 'second', { groups: ['edge', 'inner'], protocol: 'https', tls: { certificates: 'shop' } }),
    typed('Listener', 'open', { groups: ['edge', 'plain'] }),
  ]);
  const namesFor = (group: string) => translateGroup(documents, group).secrets.map(({ name }) => name);
  expect(namesFor('edge')).toEqual(['blue/own', 'shop']);
  expect(namesFor('inner')).toEqual(['shop']);
  expect(namesFor('plain')).toEqual([]);
});

test('the message holds the pair; as JSON it holds no private key', () => {
  const secret = typed('Secret', 'blue/own', certificateOf('blue.example.com'));
  const listener = typed('Listener', 'public', { protocol: 'https', tls: { certificates: 'blue/own' } });
  const [resource] = translateGroup(documentSet([secret, listener]), 'edge').secrets;
  const { certificate, key } = secret.spec;
  expect(resource).toMatchObject({
    name: 'blue/own',
    message: {
      name: 'blue/own',
      tls_certificate: { certificate_chain: { inline_string: certificate }, private_key: { inline_string: key } },
    },
    source: { kind: 'Secret', tenant: 'blue', name: 'own' },
  });
  expect(asJson('secrets', resource!.message)).toMatchObject({
    tls_certificate: {
      certificate_chain: { inline_string: certificate },
      private_key: { inline_string: '[redacted]' },
    },
  });
});

test('a renewed certificate makes its own message anew and no other', () => {
  const documents = (certificate: ReturnType<typeof certificateOf>) => {
    return documentSet([typed('Secret', 'shop', certificate), other, listener, route, cluster]);
  };
  const other = typed('Secret', 'blue/own', certificateOf('blue.example.com'));
  const listener = typed('Listener', 'public', { protocol: 'https', tls });
  const [route, cluster] = [typed('Route', 'orders'), typed('Cluster', 'orders')];
  const before = translateGroup(documents(certificateOf('shop.example.com')), 'edge');
  const renewed = certificateOf('shop.example.com');
  const after = translateGroupAgain(documents(renewed), 'edge', before, [{ kind: 'Secret', name: 'shop' }]);
  expect(after.secrets[0]?.message).toBe(before.secrets[0]?.message);
  expect(after.secrets[1]?.message.tls_certificate?.private_key).toEqual({ inline_string: renewed.key });
  for (const part of ['listeners', 'routes', 'virtualHosts', 'clusters', 'endpoints'] as const) {
    expect(after[part]).toBe(before[part]);
  }
});
