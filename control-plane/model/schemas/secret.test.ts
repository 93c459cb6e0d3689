import { expect, test } from 'vitest';
import { makeCertificate } from '../../../e2e/support/certificates.ts';
import { checkDocument, specOf } from '../check.ts';
import { redacted } from '../pem.ts';
import { refusals } from '../testing.ts';

const root = makeCertificate({ hosts: ['root'], authority: true });
const between = makeCertificate({ hosts: ['between'], authority: true, issuer: root });
const leaf = makeCertificate({ hosts: ['shop.example.com', '*.shop.example.com'], issuer: between });
const other = makeCertificate({ hosts: ['other.example.com'] });
const { key } = leaf;

test('a chain and its key are read, comments between the blocks left out, and what is public is told', () => {
  const certificate = `subject=shop\r\n${leaf.certificate.replaceAll('\n', '\r\n')}\nissuer=between\n${between.certificate}`;
  expect(specOf({ kind: 'Secret', name: 'x', spec: { certificate, key: `Bag Attributes\n${key}` } })).toEqual({
    certificate: leaf.certificate + between.certificate,
    key,
    ca: '',
    facts: {
      subject: 'CN=shop.example.com',
      issuer: 'CN=between',
      sans: ['shop.example.com', '*.shop.example.com'],
      notBefore: expect.stringMatching(/Z$/),
      notAfter: expect.stringMatching(/Z$/),
      fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
    },
  });
});

test('authorities are read in any order, and what is told is of the one that runs out last', () => {
  const lasting = makeCertificate({ hosts: ['lasting'], authority: true, notAfter: new Date('2100-01-01T00:00:00Z') });
  const ca = between.certificate + lasting.certificate + root.certificate;
  expect(specOf({ kind: 'Secret', name: 'x', spec: { ca: `# ours\n${ca}` } })).toMatchObject({
    ...{ certificate: '', key: '', ca },
    facts: { subject: 'CN=lasting', notAfter: '2100-01-01T00:00:00.000Z' },
  });
});

test.each(['p256', 'p384', 'rsa2048', 'ed25519'] as const)('a key of %s is taken', (kind) => {
  const made = makeCertificate({ hosts: ['a.b'], key: kind });
  expect(refusals('Secret', { certificate: made.certificate, key: made.key })).toEqual([]);
});

test('a certificate that has run out fits its schema, so that a replica starts with it', () => {
  const made = makeCertificate({ hosts: ['a.b'], notBefore: new Date(0), notAfter: new Date(1_000) });
  expect(refusals('Secret', { certificate: made.certificate, key: made.key })).toEqual([]);
});

const short = makeCertificate({ hosts: ['a.b'], key: 'rsa1024' });
const encrypted = leaf.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' });
const oldEncrypted = leaf.privateKey.export({ type: 'sec1', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' });
const { certificate } = leaf;

test.each([
  ['nothing', {}, ['missing-field /spec/certificate', 'missing-field /spec/key']],
  ["another certificate's key", { certificate, key: other.key }, ['invalid /spec/key']],
  [
    'a chain out of order',
    { certificate: between.certificate + certificate, key: between.key },
    ['invalid /spec/certificate'],
  ],
  ['a chain with a stranger', { certificate: certificate + other.certificate, key }, ['invalid /spec/certificate']],
  ['the key among the certificates', { certificate: certificate + key, key }, ['invalid /spec/certificate']],
  ['no PEM', { certificate: 'MIIB', key: 'MIIB' }, ['invalid /spec/certificate', 'invalid /spec/key']],
  ['half a certificate', { certificate: certificate.slice(0, 200), key }, ['invalid /spec/certificate']],
  ['a spoilt certificate', { certificate: certificate.replace('MII', 'AAA'), key }, ['invalid /spec/certificate']],
  ['a spoilt key', { certificate, key: key.replace('MI', 'AA') }, ['invalid /spec/key']],
  ['two keys', { certificate, key: key + other.key }, ['invalid /spec/key']],
  ['a certificate as key', { certificate, key: certificate }, ['invalid /spec/key']],
  ['a key with a passphrase', { certificate, key: encrypted }, ['invalid /spec/key']],
  ['an old key with a passphrase', { certificate, key: oldEncrypted }, ['invalid /spec/key']],
  ['a short key', { certificate: short.certificate, key: short.key }, ['invalid /spec/key']],
  ['eleven certificates', { certificate: certificate.repeat(11), key }, ['invalid /spec/certificate']],
  ['a long text', { certificate: `${' '.repeat(70_000)}${certificate}`, key }, ['invalid /spec/certificate']],
  ['what was read back', { certificate: redacted, key: redacted }, ['invalid /spec/certificate', 'invalid /spec/key']],
  ['a pair and authorities', { certificate, key, ca: root.certificate }, ['invalid /spec/ca']],
  ['half a pair and authorities', { key, ca: root.certificate }, ['invalid /spec/ca']],
  ['an authority that is none', { ca: root.certificate + certificate }, ['invalid /spec/ca']],
  ['a key among authorities', { ca: root.certificate + root.key }, ['invalid /spec/ca']],
  ['too many authorities', { ca: between.certificate.repeat(101) }, ['invalid /spec/ca']],
  ['a list of those revoked', { ca: root.certificate, crl: 'x' }, ['not-supported-yet /spec/crl']],
])('%s is refused', (_, spec, refused) => {
  expect(refusals('Secret', spec).sort()).toEqual(refused);
});

test('no refusal repeats a part of a key, wherever it was written', () => {
  const body = key.split('\n')[1]!.slice(0, 40);
  for (const document of [
    { kind: 'Secret', name: 'x', spec: { certificate, key: key.replace('BEGIN', 'BEGNI') } },
    { kind: 'Secret', name: 'x', spec: { certificate: key, key: other.key } },
    { kind: 'Secret', name: 'x', spec: { certificate, key: [key], more: key } },
    { kind: 'Secret', name: 'x', spec: key },
    { kind: 'Secret', name: key, spec: {} },
    { kind: key, name: 'x' },
    { kind: 'Listener', name: 'x', spec: { groups: 'a', port: 1, address: key, protocol: key, tls: key } },
  ]) {
    const checked = checkDocument(document);
    const text = JSON.stringify(checked.ok ? '' : checked.problems);
    expect(checked.ok).toBe(false);
    expect(text).not.toContain(body);
  }
});
