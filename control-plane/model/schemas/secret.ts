import { factsOf, parseAuthorities, parseChain, parsePrivateKey } from '../pem.ts';
import type { SecretSpec } from '../specs.ts';
import { about, type Field, type FieldFault, fields, report, text } from './fields.ts';

const remedies = {
  certificate: 'Write the PEM text of the certificate and of those that signed it, the leaf first.',
  key: 'Write the PEM text of the private key of the certificate.',
  ca: 'Write the PEM text of the certificates that sign those of clients.',
};

const written = fields(
  {
    certificate: about(
      text('PEM text', remedies.certificate, parseChain).optional(),
      'The certificate, and behind it those that signed it, up to the root, which may be left out. Clients are given all of them.',
      'TlsCertificate.certificate_chain',
      { 'x-default': '*required*, but beside `ca`' },
    ),
    key: about(
      text('PEM text', remedies.key, parsePrivateKey).optional(),
      "The certificate's private key, without a passphrase. It is stored encrypted and is never shown again.",
      'TlsCertificate.private_key',
      { 'x-default': '*required*, but beside `ca`' },
    ),
    ca: about(
      text('PEM text', remedies.ca, parseAuthorities).optional(),
      "Instead of both: the certificates of those who sign the clients' (`tls.client.ca` of a Listener), in any order.",
      'CertificateValidationContext.trusted_ca',
      { 'x-default': 'none' },
    ),
  },
  { notYet: { crl: '' }, check: isOneOfBoth },
);

/** A certificate with its key, or authorities. */
function isOneOfBoth(written: Readonly<Record<string, unknown>>): FieldFault[] {
  const pair = ['certificate', 'key'] as const;
  if (written['ca'] === undefined) {
    const missing = pair.filter((field) => written[field] === undefined);
    return missing.map((field) => {
      return { field, code: 'missing-field', detail: `\`${field}\` is missing.`, remedy: remedies[field] };
    });
  }
  if (pair.every((field) => written[field] === undefined)) return [];
  const detail = 'A Secret holds `certificate` and `key`, or `ca`; here are both.';
  return [{ field: 'ca', detail, remedy: 'Write two Secrets.' }];
}

/** A certificate that has run out still fits its schema: a replica has to start with it. */
export const secretSchema: Field<SecretSpec> = written.transform(({ certificate, key, ca }, ctx) => {
  if (certificate !== undefined && key !== undefined && !certificate.leaf.checkPrivateKey(key.key)) {
    const detail = 'The key is not the one of the certificate.';
    report(ctx, { detail, remedy: 'Write the key with which this certificate was requested.' }, { path: ['key'] });
  }
  const facts = factsOf((certificate ?? ca)!.leaf);
  return { certificate: certificate?.pem ?? '', key: key?.pem ?? '', ca: ca?.pem ?? '', facts };
});
