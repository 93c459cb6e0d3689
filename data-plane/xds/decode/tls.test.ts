import { expect, test } from 'vitest';
import { durationOf } from '../../../proto/codec.ts';
import { decodeListener } from './listener.ts';
import { unsupported } from './problems.ts';
import { ads, any, problemsOf, refusals, taken, tlsListener, tlsSocket } from './testing.ts';

test('a listener that ends TLS names its certificates; what is not said is safe', () => {
  expect(taken(decodeListener(tlsListener(['shop', 'checkout/own']))).tls).toEqual({
    certificates: [
      { name: 'shop', fetchTimeoutMs: null },
      { name: 'checkout/own', fetchTimeoutMs: null },
    ],
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    alpn: [],
    handshakeTimeoutMs: 10_000,
  });
});

test('versions, ALPN and times are as said', () => {
  const sds_config = { ...ads, initial_fetch_timeout: durationOf(2_000) };
  const socket = tlsSocket(
    [],
    {},
    {
      tls_certificate_sds_secret_configs: [{ name: 'shop', sds_config }],
      tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
      alpn_protocols: ['h2', 'http/1.1'],
    },
  );
  const [chain] = [{ transport_socket: socket, transport_socket_connect_timeout: durationOf(3_000) }];
  const plain = tlsListener([], {}, socket);
  expect(taken(decodeListener(plain)).tls).toMatchObject({
    certificates: [{ name: 'shop', fetchTimeoutMs: 2_000 }],
    minVersion: 'TLSv1.3',
    alpn: ['h2', 'http/1.1'],
  });
  const tcp = any('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: 'a', cluster: 'a' });
  const overTcp = { filter_chains: [{ ...chain, filters: [{ name: 'tcp', typed_config: tcp }] }] };
  expect(problemsOf(decodeListener(tlsListener([], overTcp)))).toEqual([
    `filter_chains[0].transport_socket: TLS in front of a TCP proxy is ${unsupported}`,
  ]);
});

const at = 'filter_chains[0].transport_socket.typed_config';
const common = `${at}.common_tls_context`;

test.each(
  refusals<ReturnType<typeof tlsSocket>>(
    [tlsSocket([]), [`${common}.tls_certificate_sds_secret_configs: must name a certificate`]],
    [tlsSocket(['']), [`${common}.tls_certificate_sds_secret_configs[0].name: must not be empty`]],
    [
      tlsSocket(['a'], { require_client_certificate: { value: true } }),
      [`${at}.require_client_certificate: true is ${unsupported}`],
    ],
    [tlsSocket(['a'], {}, { alpn_protocols: ['h2', 'h3'] }), [`${common}.alpn_protocols[1]: "h3" is ${unsupported}`]],
    [
      tlsSocket(['a'], {}, { tls_params: { tls_minimum_protocol_version: 'TLSv1_0', cipher_suites: ['x'] } }),
      [
        `${common}.tls_params.cipher_suites: ${unsupported}`,
        `${common}.tls_params.tls_minimum_protocol_version: TLSv1_0 is ${unsupported}`,
      ],
    ],
    [
      tlsSocket(
        ['a'],
        {},
        {
          tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_2' },
        },
      ),
      [`${common}.tls_params: the oldest version must not be newer than the newest`],
    ],
    [
      tlsSocket(['a'], {}, { validation_context: { trusted_ca: { inline_string: 'x' } } }),
      [`${common}.validation_context: ${unsupported}`],
    ],
    [
      tlsSocket([], {}, { tls_certificate_sds_secret_configs: [{ name: 'a' }] }),
      [`${common}.tls_certificate_sds_secret_configs[0].sds_config: must be set`],
    ],
  ),
)('a listener is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeListener(tlsListener([], {}, patch)))).toEqual(expected);
});
