/** Secret documents to envoy.extensions.transport_sockets.tls.v3.Secret, and the TLS of listeners that name them. */
import { durationOf, packAny } from '../../proto/codec.ts';
import type { Listener, Secret } from '../../proto/envoy.ts';
import { resourceName } from '../../proto/names.ts';
import type { DocumentSet } from '../model/document-set.ts';
import type { ListenerClientSpec, ListenerTlsSpec, Reference, Typed } from '../model/specs.ts';
import { Memo } from './memo.ts';
import { compareText, type Findings, type GroupResource, keyOf } from './resources.ts';
import { fromAds, nameOf } from './wire.ts';

/** A client that has not finished its handshake by then is let go: Envoy alone would wait for ever. */
const handshakeTimeoutMs = 10_000;

const messages = new Memo<Typed<'Secret'>, Secret>();

/** The secrets that these listeners serve, in name order: nothing else of what is stored leaves it. */
export function secretsOf(
  documents: DocumentSet,
  listeners: readonly Typed<'Listener'>[],
  findings: Findings,
): GroupResource<'secrets'>[] {
  const named = new Map<string, Reference>();
  for (const { spec } of listeners) {
    for (const reference of referencesOf(spec.tls)) named.set(nameOf(reference), reference);
  }
  return [...named]
    .toSorted(([a], [b]) => compareText(a, b))
    .flatMap(([name, reference]): GroupResource<'secrets'>[] => {
      findings.read({ kind: 'Secret', ...reference });
      const secret = documents.get('Secret', reference.tenant, reference.name);
      return secret === undefined ? [] : [{ name, message: messageOf(secret), source: keyOf(secret.document) }];
    });
}

function referencesOf(tls: ListenerTlsSpec | null): readonly Reference[] {
  if (tls === null) return [];
  return tls.client === null ? tls.certificates : [...tls.certificates, tls.client.ca];
}

function messageOf(secret: Typed<'Secret'>): Secret {
  return messages.get(secret, [], () => {
    const { certificate, key, ca } = secret.spec;
    const name = resourceName(secret.document.tenant, secret.document.name);
    if (ca !== '') return { name, validation_context: { trusted_ca: { inline_string: ca } } };
    return {
      name,
      tls_certificate: { certificate_chain: { inline_string: certificate }, private_key: { inline_string: key } },
    };
  });
}

const protocolVersions = { '1.2': 'TLSv1_2', '1.3': 'TLSv1_3' } as const;

/** What a filter chain of the listener needs to end TLS. The choice among several certificates is Envoy's, by SNI. */
export function tlsOf({
  certificates,
  minVersion,
  alpn,
  client,
}: ListenerTlsSpec): NonNullable<Listener['filter_chains']>[number] {
  const context = packAny('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
    ...(client?.mode === 'require' && { require_client_certificate: { value: true } }),
    common_tls_context: {
      tls_params: {
        tls_minimum_protocol_version: protocolVersions[minVersion],
        tls_maximum_protocol_version: 'TLSv1_3',
      },
      tls_certificate_sds_secret_configs: certificates.map((secret) => ({ name: nameOf(secret), sds_config: fromAds })),
      alpn_protocols: [...alpn],
      ...(client !== null && validationOf(client)),
    },
  });
  return {
    transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: context },
    transport_socket_connect_timeout: durationOf(handshakeTimeoutMs),
  };
}

/** Whose certificates are good. */
function validationOf({ ca, sans }: ListenerClientSpec) {
  const source = { validation_context_sds_secret_config: { name: nameOf(ca), sds_config: fromAds } };
  if (sans.length === 0) return source;
  const names = sans.map(({ type, value, prefix }) => ({
    san_type: type === 'uri' ? ('URI' as const) : ('DNS' as const),
    matcher: prefix ? { prefix: value } : { exact: value },
  }));
  return {
    combined_validation_context: { ...source, default_validation_context: { match_typed_subject_alt_names: names } },
  };
}
