import { expect, test } from 'vitest';
import { durationOf } from '../../../proto/codec.ts';
import type { MessageTypes } from '../../../proto/envoy.ts';
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
    client: null,
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
const validation = `${common}.combined_validation_context.default_validation_context`;
const names = `${validation}.match_typed_subject_alt_names`;

type Common = NonNullable<
  MessageTypes['envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext']['common_tls_context']
>;
type Names = NonNullable<NonNullable<Common['validation_context']>['match_typed_subject_alt_names']>;
const authorities = { name: 'ca', sds_config: ads };

/** Clients need one of these names. */
function withNames(...names: Names) {
  const combined_validation_context = validationOf(names);
  return tlsSocket(['a'], { require_client_certificate: { value: true } }, { combined_validation_context });
}

function validationOf(match_typed_subject_alt_names: Names) {
  const default_validation_context = { match_typed_subject_alt_names };
  return { default_validation_context, validation_context_sds_secret_config: authorities };
}

function tlsOf(socket: ReturnType<typeof tlsSocket>) {
  return taken(decodeListener(tlsListener([], {}, socket))).tls;
}

test('a listener that asks clients for certificates names those who sign them', () => {
  const source = { name: 'ca', fetchTimeoutMs: null };
  const plain = tlsSocket(['a'], {}, { validation_context_sds_secret_config: authorities });
  expect(tlsOf(plain)?.client).toEqual({ required: false, authorities: source, names: [] });
  const optional = { combined_validation_context: validationOf([{ san_type: 'DNS', matcher: { exact: 'a.b' } }]) };
  expect(tlsOf(tlsSocket(['a'], {}, optional))?.client?.required).toBe(true);
  const named = withNames(
    { san_type: 'URI', matcher: { prefix: 'spiffe://a/' } },
    { san_type: 'DNS', matcher: { exact: 'a.b' } },
  );
  expect(tlsOf(named)?.client).toEqual({
    required: true,
    authorities: source,
    names: [
      { type: 'uri', value: 'spiffe://a/', prefix: true },
      { type: 'dns', value: 'a.b', prefix: false },
    ],
  });
});

test.each(
  refusals<ReturnType<typeof tlsSocket>>(
    [tlsSocket([]), [`${common}.tls_certificate_sds_secret_configs: must name a certificate`]],
    [tlsSocket(['']), [`${common}.tls_certificate_sds_secret_configs[0].name: must not be empty`]],
    [
      tlsSocket(['a'], { require_client_certificate: { value: true } }),
      [
        `${at}.require_client_certificate: needs a validation context over SDS: nobody says whose certificates are good`,
      ],
    ],
    [
      tlsSocket(['a'], {}, { combined_validation_context: { default_validation_context: { crl: { filename: 'a' } } } }),
      [`${common}.combined_validation_context.validation_context_sds_secret_config: must be set`],
    ],
    [
      withNames({ san_type: 'EMAIL', matcher: { suffix: 'a' } }, { san_type: 'DNS', matcher: { exact: '' } }),
      [
        `${names}[0].san_type: EMAIL is ${unsupported}`,
        `${names}[0].matcher.suffix: ${unsupported}`,
        `${names}[0].matcher: must not be empty`,
        `${names}[1].matcher: must not be empty`,
      ],
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
