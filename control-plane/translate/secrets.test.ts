import { expect, test } from 'vitest';
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
