/** envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext: how TLS ends here, with certificates and authorities over SDS. */
import type { Listener, MessageTypes } from '../../../proto/envoy.ts';
import type { SubjectNameConfig, TlsConfig } from '../../model/config.ts';
import { limits } from '../limits.ts';
import { readStreamSource } from './address.ts';
import { checkFields, fieldTable } from './fields.ts';
import { anyName, unpackAny } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import type { Subscribed, TlsResource } from './resources.ts';
import { bool, millis, required } from './values.ts';

type FilterChain = NonNullable<Listener['filter_chains']>[number];
type DownstreamTlsContext = MessageTypes['envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'];
type CommonTlsContext = NonNullable<DownstreamTlsContext['common_tls_context']>;
type SdsSecretConfig = NonNullable<CommonTlsContext['validation_context_sds_secret_config']>;
type ValidationContext = NonNullable<CommonTlsContext['validation_context']>;

const contextFields = fieldTable('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
  carried: ['common_tls_context', 'require_client_certificate'],
  only: {
    require_sni: [false],
    full_scan_certs_on_sni_mismatch: [false],
    disable_stateless_session_resumption: [false],
    ocsp_staple_policy: ['LENIENT_STAPLING'],
  },
});

const commonFields = fieldTable('envoy.extensions.transport_sockets.tls.v3.CommonTlsContext', {
  carried: [
    ...['tls_params', 'tls_certificate_sds_secret_configs', 'alpn_protocols'],
    ...['validation_context_sds_secret_config', 'combined_validation_context'],
  ],
});

const paramFields = fieldTable('envoy.extensions.transport_sockets.tls.v3.TlsParameters', {
  carried: ['tls_minimum_protocol_version', 'tls_maximum_protocol_version'],
});

const sdsFields = fieldTable('envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig', {
  carried: ['name', 'sds_config'],
});

const combinedFields = fieldTable(
  'envoy.extensions.transport_sockets.tls.v3.CommonTlsContext.CombinedCertificateValidationContext',
  { carried: ['default_validation_context', 'validation_context_sds_secret_config'] },
);

const validationFields = fieldTable('envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext', {
  carried: ['match_typed_subject_alt_names'],
  only: { allow_expired_certificate: [false], trust_chain_verification: ['VERIFY_TRUST_CHAIN'] },
});

const subjectNameFields = fieldTable('envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher', {
  carried: ['san_type', 'matcher'],
});

const matcherFields = fieldTable('envoy.type.matcher.v3.StringMatcher', {
  carried: ['exact', 'prefix'],
  only: { ignore_case: [false] },
});

const nameTypes: Readonly<Record<string, SubjectNameConfig['type']>> = { URI: 'uri', DNS: 'dns' };

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
    client: readClient(at.field('require_client_certificate'), inside, context),
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
    return readSecret(place.item('tls_certificate_sds_secret_configs', index), config);
  });
}

function readSecret(place: Place, config: SdsSecretConfig): Subscribed {
  checkFields(place, config, sdsFields);
  const name = required(place.field('name'), config.name);
  return { name, fetchTimeoutMs: readStreamSource(place.field('sds_config'), config.sds_config) };
}

function readClient(requires: Place, place: Place, context: DownstreamTlsContext): TlsResource['client'] {
  const isRequired = bool(context.require_client_certificate, false);
  const { combined_validation_context: combined, validation_context_sds_secret_config: plain } =
    context.common_tls_context ?? {};
  const at = combined ? place.field('combined_validation_context') : place;
  if (combined) checkFields(at, combined, combinedFields);
  const source = combined ? combined.validation_context_sds_secret_config : plain;
  if (!source) {
    if (combined) at.field('validation_context_sds_secret_config').refuse('must be set');
    else if (isRequired)
      requires.refuse('needs a validation context over SDS: nobody says whose certificates are good');
    return null;
  }
  const names = readNames(at.field('default_validation_context'), combined?.default_validation_context ?? {});
  return {
    // to Envoy, who says what is in a certificate says that there has to be one
    required: isRequired || names.length > 0,
    authorities: readSecret(at.field('validation_context_sds_secret_config'), source),
    names,
  };
}

function readNames(place: Place, validation: ValidationContext): readonly SubjectNameConfig[] {
  checkFields(place, validation, validationFields);
  return (validation.match_typed_subject_alt_names ?? []).map((name, index): SubjectNameConfig => {
    const at = place.item('match_typed_subject_alt_names', index);
    checkFields(at, name, subjectNameFields);
    const type = nameTypes[name.san_type ?? ''];
    if (type === undefined) at.field('san_type').refuse(`${name.san_type} is ${unsupported}`);
    const matcher = name.matcher ?? {};
    checkFields(at.field('matcher'), matcher, matcherFields);
    const value = required(at.field('matcher'), matcher.exact ?? matcher.prefix);
    return { type: type ?? 'uri', value, prefix: matcher.exact === undefined };
  });
}
