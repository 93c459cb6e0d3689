/** envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext: how TLS ends here, with certificates over SDS. */
import type { Listener, MessageTypes } from '../../../proto/envoy.ts';
import type { TlsConfig } from '../../model/config.ts';
import { limits } from '../limits.ts';
import { readStreamSource } from './address.ts';
import { checkFields, fieldTable } from './fields.ts';
import { anyName, unpackAny } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import type { Subscribed, TlsResource } from './resources.ts';
import { millis, required } from './values.ts';

type FilterChain = NonNullable<Listener['filter_chains']>[number];
type DownstreamTlsContext = MessageTypes['envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'];
type CommonTlsContext = NonNullable<DownstreamTlsContext['common_tls_context']>;

const contextFields = fieldTable('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
  carried: ['common_tls_context'],
  only: {
    require_client_certificate: [false],
    require_sni: [false],
    full_scan_certs_on_sni_mismatch: [false],
    disable_stateless_session_resumption: [false],
    ocsp_staple_policy: ['LENIENT_STAPLING'],
  },
});

const commonFields = fieldTable('envoy.extensions.transport_sockets.tls.v3.CommonTlsContext', {
  carried: ['tls_params', 'tls_certificate_sds_secret_configs', 'alpn_protocols'],
});

const paramFields = fieldTable('envoy.extensions.transport_sockets.tls.v3.TlsParameters', {
  carried: ['tls_minimum_protocol_version', 'tls_maximum_protocol_version'],
});

const sdsFields = fieldTable('envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig', {
  carried: ['name', 'sds_config'],
});

const versions: Readonly<Record<string, TlsConfig['minVersion']>> = { TLSv1_2: 'TLSv1.2', TLSv1_3: 'TLSv1.3' };

export function isDownstreamTls({ transport_socket: socket }: FilterChain): boolean {
  return anyName(socket?.typed_config) === 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
}

/** Of a chain for which {@link isDownstreamTls} holds. */
export function readDownstreamTls(place: Place, chain: FilterChain): TlsResource | null {
  const name = 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
  const at = place.field('transport_socket').field('typed_config');
  const context = unpackAny(at, name, chain.transport_socket?.typed_config);
  if (context === null) return null;
  checkFields(at, context, contextFields);
  const common = context.common_tls_context ?? {};
  const inside = at.field('common_tls_context');
  checkFields(inside, common, commonFields);
  const timeout = place.field('transport_socket_connect_timeout');
  return {
    ...readVersions(inside.field('tls_params'), common),
    alpn: readAlpn(inside, common.alpn_protocols ?? []),
    handshakeTimeoutMs: millis(timeout, chain.transport_socket_connect_timeout, 0) || limits.handshakeTimeoutMs,
    certificates: readCertificates(inside, common),
  };
}

function readVersions(place: Place, common: CommonTlsContext): Pick<TlsConfig, 'minVersion' | 'maxVersion'> {
  const params = common.tls_params ?? {};
  checkFields(place, params, paramFields);
  const read = (
    field: 'tls_minimum_protocol_version' | 'tls_maximum_protocol_version',
    automatic: TlsConfig['minVersion'],
  ): TlsConfig['minVersion'] => {
    const said = params[field] ?? 'TLS_AUTO';
    if (said === 'TLS_AUTO') return automatic;
    const known = versions[said];
    if (known === undefined) place.field(field).refuse(`${said} is ${unsupported}`);
    return known ?? automatic;
  };
  const minVersion = read('tls_minimum_protocol_version', 'TLSv1.2');
  const maxVersion = read('tls_maximum_protocol_version', 'TLSv1.3');
  if (minVersion > maxVersion) place.refuse('the oldest version must not be newer than the newest');
  return { minVersion, maxVersion };
}

function readAlpn(place: Place, protocols: readonly string[]): readonly string[] {
  protocols.forEach((protocol, index) => {
    if (protocol === 'http/1.1' || protocol === 'h2') return;
    place.item('alpn_protocols', index).refuse(`${JSON.stringify(protocol)} is ${unsupported}`);
  });
  return protocols;
}

function readCertificates(place: Place, common: CommonTlsContext): readonly Subscribed[] {
  const configs = common.tls_certificate_sds_secret_configs ?? [];
  if (configs.length === 0) place.field('tls_certificate_sds_secret_configs').refuse('must name a certificate');
  return configs.map((config, index) => {
    const at = place.item('tls_certificate_sds_secret_configs', index);
    checkFields(at, config, sdsFields);
    const name = required(at.field('name'), config.name);
    return { name, fetchTimeoutMs: readStreamSource(at.field('sds_config'), config.sds_config) };
  });
}
