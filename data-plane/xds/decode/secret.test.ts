import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { makeCertificate } from '../../../e2e/support/certificates.ts';
import { decode, encode } from '../../../proto/codec.ts';
import { unsupported } from './problems.ts';
import { decodeSecret, withoutPrivateKey } from './secret.ts';
import { pairFor, problemsOf, refusals, secretBytes, taken } from './testing.ts';

const name = 'envoy.extensions.transport_sockets.tls.v3.Secret';
const pair = pairFor('Shop.example.com', '*.wild.example.com');
const other = pairFor('other.example.com');
const short = makeCertificate({ hosts: ['a.b'], key: 'rsa1024' });

test('a pair is taken with the hosts that its certificate names', () => {
  expect(taken(decodeSecret(secretBytes('checkout/shop', pair)))).toEqual({
    ...pair,
    name: 'checkout/shop',
    hosts: ['shop.example.com', '*.wild.example.com'],
  });
});

test('it may stand in bytes', () => {
  const bytes = encode(name, {
    name: 'shop',
    tls_certificate: {
      certificate_chain: { inline_bytes: Buffer.from(pair.chain) },
      private_key: { inline_bytes: Buffer.from(pair.key) },
    },
  });
  expect(taken(decodeSecret(bytes))).toMatchObject(pair);
});

type Secret = ReturnType<typeof decode<typeof name>>;
const text = (inline_string: string) => ({ inline_string });
const tlsCertificate = (chain: string, key: string): Secret => {
  return { tls_certificate: { certificate_chain: text(chain), private_key: text(key) } };
};

test.each(
  refusals<Secret>(
    [
      { name: '' },
      ['name: must not be empty', 'tls_certificate: must be set: other secrets are not supported by this data plane'],
    ],
    [tlsCertificate(pair.chain, other.key), ['tls_certificate.private_key: is not the key of the certificate']],
    [
      tlsCertificate(pair.key, pair.chain),
      [
        'tls_certificate.certificate_chain: is no PEM text of certificates',
        'tls_certificate.private_key: is no PEM text of a private key without a passphrase',
      ],
    ],
    [
      tlsCertificate(short.certificate, short.key),
      ['tls_certificate: cannot be served: a certificate of the chain is malformed, or its key is too short'],
    ],
    [
      { tls_certificate: { certificate_chain: text(pair.chain), private_key: { filename: 'a' } } },
      [`tls_certificate.private_key.filename: ${unsupported}`, 'tls_certificate.private_key: must not be empty'],
    ],
    [
      { tls_certificate: { private_key: text(pair.key), password: text('hunter2') } },
      [`tls_certificate.password: ${unsupported}`, 'tls_certificate.certificate_chain: must be set'],
    ],
    [
      { session_ticket_keys: { keys: [text('a')] } },
      [
        `session_ticket_keys: ${unsupported}`,
        'tls_certificate: must be set: other secrets are not supported by this data plane',
      ],
    ],
  ),
)('a secret is refused: $law', ({ patch, expected }) => {
  const problems = problemsOf(decodeSecret(encode(name, { name: 'shop', ...patch })));
  expect(problems).toEqual(expected);
  expect(problems.join()).not.toContain(pair.key.split('\n')[1]);
});

test('without alternative names the common name counts', () => {
  const { certificate, key } = makeCertificate({ hosts: [] });
  expect(new X509Certificate(certificate).subjectAltName).toBeUndefined();
  expect(taken(decodeSecret(secretBytes('a', { chain: certificate, key })))).toMatchObject({ hosts: ['nobody'] });
});

const authorities = makeCertificate({ hosts: ['ca'], authority: true }).certificate;

test('authorities are taken; what stands around them is not', () => {
  const bytes = encode(name, { name: 'ca', validation_context: { trusted_ca: text(`# ours\n${authorities}`) } });
  expect(taken(decodeSecret(bytes))).toEqual({ name: 'ca', authorities: authorities.trim() });
  expect(withoutPrivateKey(bytes)).toBe(bytes);
});

test.each(
  refusals<NonNullable<Secret['validation_context']>>(
    [{}, ['validation_context.trusted_ca: must be set']],
    [{ trusted_ca: text(pair.key) }, ['validation_context.trusted_ca: is no PEM text of certificates']],
    [
      { trusted_ca: text(`${authorities}${authorities.replace('MII', 'AII')}`) },
      ['validation_context.trusted_ca: is no PEM text of certificates'],
    ],
    [
      { trusted_ca: text(authorities), crl: text('a'), allow_expired_certificate: true },
      [
        `validation_context.crl: ${unsupported}`,
        `validation_context.allow_expired_certificate: true is ${unsupported}`,
      ],
    ],
  ),
)('authorities are refused: $law', ({ patch, expected }) => {
  const problems = problemsOf(decodeSecret(encode(name, { name: 'ca', validation_context: patch })));
  expect(problems.toSorted()).toEqual(expected.toSorted());
});

test('what is shown of a secret has no private key', () => {
  const shown = decode(name, withoutPrivateKey(secretBytes('shop', pair)));
  expect(shown.tls_certificate).toEqual({ certificate_chain: text(pair.chain), private_key: text('[redacted]') });
});
