/** PEM texts of certificates and keys: what they hold, and whether a proxy could serve it. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { limits } from './limits.ts';
import type { Fault, Parsed } from './problems.ts';
import type { SecretSpec } from './specs.ts';

export interface Chain {
  /** The PEM blocks alone, leaf first. */
  readonly pem: string;
  readonly leaf: X509Certificate;
}

export interface PrivateKey {
  /** The PEM block alone. */
  readonly pem: string;
  readonly key: KeyObject;
}

/** What stands in the place of a secret wherever a document is shown. */
export const redacted = '[redacted]';

interface Block {
  readonly label: string;
  readonly pem: string;
}

/** Certificates of which each may sign others, in any order; `leaf` is the one that runs out last. */
export function parseAuthorities(text: string): Parsed<Chain> {
  const certificates = parseCertificates(text, limits.authoritiesPerSecret);
  if (!certificates.ok) return certificates;
  const stranger = certificates.value.findIndex(({ certificate }) => !certificate.ca);
  if (stranger >= 0) {
    const detail = `Certificate ${stranger + 1} of the text is not one of an authority: it may not sign others.`;
    return failed(detail, 'Write those that sign the certificates of clients, and no other.');
  }
  const pem = certificates.value.map((one) => one.pem).join('');
  const [leaf] = certificates.value
    .map(({ certificate }) => certificate)
    .toSorted((a, b) => b.validToDate.getTime() - a.validToDate.getTime());
  return { ok: true, value: { pem, leaf: leaf! } };
}

/** A leaf and, behind it, each certificate that signed the one before. No fault of it repeats what was written. */
export function parseChain(text: string): Parsed<Chain> {
  const certificates = parseCertificates(text, limits.certificatesPerChain);
  if (!certificates.ok) return certificates;
  const chain = certificates.value.map(({ certificate }) => certificate);
  const fault = orderFault(chain);
  if (fault !== undefined) return { ok: false, fault };
  return { ok: true, value: { pem: certificates.value.map(({ pem }) => pem).join(''), leaf: chain[0]! } };
}

interface Certificate {
  readonly pem: string;
  readonly certificate: X509Certificate;
}

/** One or more, and nothing else. */
function parseCertificates(text: string, most: number): Parsed<Certificate[]> {
  const blocks = blocksOf(text);
  if (!blocks.ok) return blocks;
  const stranger = blocks.value.find(({ label }) => label !== 'CERTIFICATE');
  if (stranger !== undefined) {
    const isKey = stranger.label.endsWith('PRIVATE KEY');
    const detail = `Among the certificates stands a block of another kind${isKey ? ', a private key' : ''}.`;
    return failed(detail, isKey ? 'Write the key in `key`, and only there.' : 'Keep the blocks `CERTIFICATE` alone.');
  }
  if (blocks.value.length > most) {
    return failed(`The text has ${blocks.value.length} certificates.`, `Write ${most} or fewer.`);
  }
  const certificates: Certificate[] = [];
  for (const [index, { pem }] of blocks.value.entries()) {
    const certificate = read(() => new X509Certificate(pem));
    if (certificate === undefined) {
      return failed(`Certificate ${index + 1} of the text cannot be read.`, 'Copy it again, whole.');
    }
    certificates.push({ pem, certificate });
  }
  return { ok: true, value: certificates };
}

/** Exactly one private key, not encrypted. No fault of it repeats what was written. */
export function parsePrivateKey(text: string): Parsed<PrivateKey> {
  const blocks = blocksOf(text);
  if (!blocks.ok) return blocks;
  // OpenSSL writes the curve before a key in the old form; it says nothing that the key does not say.
  const keys = blocks.value.filter(({ label }) => label !== 'EC PARAMETERS');
  const [block] = keys;
  if (block === undefined || keys.length > 1 || !block.label.endsWith('PRIVATE KEY')) {
    return failed('Here must be exactly one private key.', 'Write one block `-----BEGIN PRIVATE KEY-----`.');
  }
  if (block.label === 'ENCRYPTED PRIVATE KEY' || /^Proc-Type:.*ENCRYPTED/m.test(block.pem)) {
    return failed('The private key is encrypted with a passphrase.', 'Decrypt it first: `openssl pkey -in FILE`.');
  }
  const key = read(() => createPrivateKey(block.pem));
  if (key === undefined) return failed('The private key cannot be read.', 'Copy it again, whole.');
  const fault = strengthFault(key);
  return fault === undefined ? { ok: true, value: { pem: block.pem, key } } : { ok: false, fault };
}

/** What everybody may know of a certificate: it is sent to every client. */
export function factsOf(leaf: X509Certificate): SecretSpec['facts'] {
  const names = (leaf.subjectAltName ?? '').split(', ').filter((name) => name !== '');
  return {
    subject: leaf.subject.replaceAll('\n', ', '),
    issuer: leaf.issuer.replaceAll('\n', ', '),
    sans: names.map((name) => (name.startsWith('DNS:') ? name.slice('DNS:'.length) : name)),
    notBefore: leaf.validFromDate.toISOString(),
    notAfter: leaf.validToDate.toISOString(),
    fingerprint: leaf.fingerprint256,
  };
}

function blocksOf(text: string): Parsed<Block[]> {
  if (text.trim() === redacted) {
    const remedy = 'Write the PEM text itself, or leave this document out: what is stored stays.';
    return failed(`\`${redacted}\` is shown in the place of a secret; it is none.`, remedy);
  }
  if (text.length > limits.pemLength) {
    return failed(`The text is ${text.length} characters long; ${limits.pemLength} are allowed.`, 'Make it shorter.');
  }
  const found = text.matchAll(/-----BEGIN ([A-Z0-9 ]{1,40})-----\r?\n[^-]*(?:-(?!----)[^-]*)*-----END \1-----/g);
  const blocks = Array.from(found, ([block, label = '']) => ({ label, pem: `${block.replaceAll('\r', '')}\n` }));
  if (blocks.length > 0) return { ok: true, value: blocks };
  return failed('There is no PEM block in the text.', 'Write the whole block, from `-----BEGIN` to `-----END …-----`.');
}

function orderFault(certificates: readonly X509Certificate[]): Fault | undefined {
  for (const [index, issuer] of certificates.entries()) {
    const issued = certificates[index - 1];
    if (issued === undefined || (issued.checkIssued(issuer) && issued.verify(issuer.publicKey))) continue;
    const detail = `Certificate ${index + 1} of the chain did not sign certificate ${index}.`;
    return { detail, remedy: 'Write the leaf first, then the one that signed it, and so on.' };
  }
  return undefined;
}

const curves: readonly string[] = ['prime256v1', 'secp384r1', 'secp521r1'];
/** Envoy refuses shorter ones. */
const leastRsaBits = 2048;

function strengthFault({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): Fault | undefined {
  if (type === 'rsa' && (details?.modulusLength ?? 0) >= leastRsaBits) return undefined;
  if (type === 'ec' && curves.includes(details?.namedCurve ?? '')) return undefined;
  if (type === 'ed25519') return undefined;
  const detail = `A key of this kind (${type}${type === 'rsa' ? `, ${details?.modulusLength} bits` : ''}) is not served.`;
  return { detail, remedy: `Use RSA of ${leastRsaBits} bits or more, ECDSA P-256, P-384 or P-521, or Ed25519.` };
}

/** What OpenSSL says of a text that it cannot read names no place in it, and could repeat a part of it. */
function read<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

function failed(detail: string, remedy: string): { readonly ok: false; readonly fault: Fault } {
  return { ok: false, fault: { detail, remedy } };
}
