/** envoy.extensions.transport_sockets.tls.v3.Secret: a certificate with its key, or authorities. No problem repeats a key. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import { decode, encode } from '../../../proto/codec.ts';
import type { MessageTypes } from '../../../proto/envoy.ts';
import { checkFields, fieldTable } from './fields.ts';
import { decodeWith } from './messages.ts';
import type { Decoded, Place } from './problems.ts';
import type { SecretResource } from './resources.ts';
import { required } from './values.ts';

type Secret = MessageTypes['envoy.extensions.transport_sockets.tls.v3.Secret'];
type TlsCertificate = NonNullable<Secret['tls_certificate']>;
type DataSource = NonNullable<TlsCertificate['private_key']>;

const secretName = 'envoy.extensions.transport_sockets.tls.v3.Secret';

const secretFields = fieldTable(secretName, { carried: ['name', 'tls_certificate', 'validation_context'] });

const certificateFields = fieldTable('envoy.extensions.transport_sockets.tls.v3.TlsCertificate', {
  carried: ['certificate_chain', 'private_key'],
});

const validationFields = fieldTable('envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext', {
  carried: ['trusted_ca'],
  only: { allow_expired_certificate: [false], trust_chain_verification: ['VERIFY_TRUST_CHAIN'] },
});

const sourceFields = fieldTable('envoy.config.core.v3.DataSource', { carried: ['inline_string', 'inline_bytes'] });

export function decodeSecret(bytes: Uint8Array): Decoded<SecretResource> {
  return decodeWith(secretName, bytes, (place, message) => {
    checkFields(place, message, secretFields);
    const name = required(place.field('name'), message.name);
    if (message.validation_context) {
      const authorities = readAuthorities(place.field('validation_context'), message.validation_context);
      return authorities === null ? null : { name, authorities };
    }
    const at = place.field('tls_certificate');
    if (!message.tls_certificate) {
      at.refuse('must be set: other secrets are not supported by this data plane');
      return null;
    }
    checkFields(at, message.tls_certificate, certificateFields);
    const chain = readText(at.field('certificate_chain'), message.tls_certificate.certificate_chain);
    const key = readText(at.field('private_key'), message.tls_certificate.private_key);
    const hosts = readPair(at, chain, key);
    return hosts === null ? null : { name, chain, key, hosts };
  });
}

/** The bytes of a secret as they may be shown, with Envoy's own word in the place of the private key. */
export function withoutPrivateKey(bytes: Uint8Array): Uint8Array {
  const secret = decode(secretName, bytes);
  if (!secret.tls_certificate) return bytes;
  const tls_certificate = { ...secret.tls_certificate, private_key: { inline_string: '[redacted]' } };
  return encode(secretName, { ...secret, tls_certificate });
}

function readText(place: Place, source: DataSource | null | undefined): string {
  if (source === null || source === undefined) {
    place.refuse('must be set');
    return '';
  }
  checkFields(place, source, sourceFields);
  return required(place, source.inline_string ?? Buffer.from(source.inline_bytes ?? '').toString('latin1'));
}

/** The PEM blocks of all of them. */
function readAuthorities(place: Place, validation: NonNullable<Secret['validation_context']>): string | null {
  checkFields(place, validation, validationFields);
  const text = readText(place.field('trusted_ca'), validation.trusted_ca);
  if (text === '') return null;
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const authorities = blocks.join('\n');
  const isGood = blocks.every((block) => attempt(() => new X509Certificate(block)) !== null);
  if (blocks.length > 0 && isGood && attempt(() => tls.createSecureContext({ ca: authorities })) !== null) {
    return authorities;
  }
  place.field('trusted_ca').refuse('is no PEM text of certificates');
  return null;
}

/** The hosts that the certificate names, if the pair can be served. */
function readPair(place: Place, chain: string, key: string): readonly string[] | null {
  if (chain === '' || key === '') return null;
  const leaf = attempt(() => new X509Certificate(chain));
  if (leaf === null) place.field('certificate_chain').refuse('is no PEM text of certificates');
  const privateKey = attempt((): KeyObject => createPrivateKey(key));
  if (privateKey === null) place.field('private_key').refuse('is no PEM text of a private key without a passphrase');
  if (leaf === null || privateKey === null) return null;
  if (!leaf.checkPrivateKey(privateKey)) {
    place.field('private_key').refuse('is not the key of the certificate');
    return null;
  }
  if (attempt(() => tls.createSecureContext({ cert: chain, key })) === null) {
    place.refuse('cannot be served: a certificate of the chain is malformed, or its key is too short');
    return null;
  }
  return hostsOf(leaf);
}

/** What OpenSSL says of a text that it cannot read is not for other ears. */
function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}

/** As Envoy reads them: the DNS names; without any alternative name the common name. Lower-case. */
function hostsOf(leaf: X509Certificate): readonly string[] {
  const alternatives = leaf.subjectAltName?.split(', ') ?? [];
  const common = /^CN=(.*)$/m.exec(leaf.subject)?.[1] ?? '';
  const names = leaf.subjectAltName === undefined ? [common] : alternatives.flatMap((name) => dnsName(name));
  return names.filter((name) => isHost.test(name)).map((name) => name.toLowerCase());
}

/** A name with other characters is quoted by Node, and is no host. */
const isHost = /^(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;

function dnsName(alternative: string): string[] {
  return alternative.startsWith('DNS:') ? [alternative.slice('DNS:'.length)] : [];
}
