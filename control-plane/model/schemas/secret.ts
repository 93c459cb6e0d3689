import { factsOf, parseChain, parsePrivateKey } from '../pem.ts';
import type { SecretSpec } from '../specs.ts';
import { about, type Field, fields, report, text } from './fields.ts';

const certificateRemedy = 'Write the PEM text of the certificate and of those that signed it, the leaf first.';
const keyRemedy = 'Write the PEM text of the private key of the certificate.';

const written = fields(
  {
    certificate: about(
      text('PEM text', certificateRemedy, parseChain),
      'The certificate, and behind it those that signed it, up to the root, which may be left out. Clients are given all of them.',
      'TlsCertificate.certificate_chain',
    ),
    key: about(
      text('PEM text', keyRemedy, parsePrivateKey),
      "The certificate's private key, without a passphrase. It is stored encrypted and is never shown again.",
      'TlsCertificate.private_key',
    ),
  },
  { notYet: { ca: '', crl: '' } },
);

/** A certificate that has run out still fits its schema: a replica has to start with it. */
export const secretSchema: Field<SecretSpec> = written.transform(({ certificate, key }, ctx) => {
  if (!certificate.leaf.checkPrivateKey(key.key)) {
    const detail = 'The key is not the one of the certificate.';
    report(ctx, { detail, remedy: 'Write the key with which this certificate was requested.' }, { path: ['key'] });
  }
  return { certificate: certificate.pem, key: key.pem, facts: factsOf(certificate.leaf) };
});
