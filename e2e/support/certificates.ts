/** X.509 certificates for tests, made on the spot: nothing of them is kept, and no program outside is needed. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

export interface CertificateOptions {
  /** DNS names. */
  readonly hosts: readonly string[];
  /** Default: the first of the hosts. */
  readonly commonName?: string;
  /** More alternative names. */
  readonly uris?: readonly string[];
  /** Default `p256`. */
  readonly key?: 'p256' | 'p384' | 'rsa2048' | 'rsa1024' | 'ed25519';
  /** Default: an hour ago to a day from now. */
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Who signs it; default: it signs itself. */
  readonly issuer?: Certificate;
  /** May sign others. */
  readonly authority?: boolean;
}

export interface Certificate {
  /** PEM. */
  readonly certificate: string;
  /** PKCS #8 PEM. */
  readonly key: string;
  readonly commonName: string;
  readonly privateKey: KeyObject;
}

const hourMs = 3_600_000;

export function makeCertificate(options: CertificateOptions): Certificate {
  const {
    hosts,
    uris = [],
    issuer,
    notBefore = new Date(Date.now() - hourMs),
    notAfter = new Date(Date.now() + 24 * hourMs),
  } = options;
  const { publicKey, privateKey } = keyPair(options.key ?? 'p256');
  const commonName = options.commonName ?? hosts[0] ?? 'nobody';
  const signer = issuer?.privateKey ?? privateKey;
  const algorithm = signatureAlgorithm(signer);
  const names = [
    ...uris.map((uri) => der(0x86, Buffer.from(uri, 'latin1'))),
    ...hosts.map((host) => der(0x82, Buffer.from(host, 'latin1'))),
  ];
  const extensions = [
    ...(names.length === 0 ? [] : [sequence(oid('2.5.29.17'), octets(sequence(...names)))]),
    ...(options.authority
      ? [sequence(oid('2.5.29.19'), der(0x01, Buffer.of(0xff)), octets(sequence(der(0x01, Buffer.of(0xff)))))]
      : []),
  ];
  const serial = randomBytes(8);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const body = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, serial),
    algorithm,
    nameOf(issuer?.commonName ?? commonName),
    sequence(time(notBefore), time(notAfter)),
    nameOf(commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign(signer.asymmetricKeyType === 'ed25519' ? null : 'sha256', body, signer);
  const bytes = sequence(body, algorithm, der(0x03, Buffer.concat([Buffer.of(0), signature])));
  return {
    certificate: pem('CERTIFICATE', bytes),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    commonName,
    privateKey,
  };
}

/** A Secret document in YAML, at the platform or at a tenant. */
export function secretYaml(
  name: string,
  { certificate, key }: Pick<Certificate, 'certificate' | 'key'>,
  tenant?: string,
): string {
  const block = (text: string): string => text.trimEnd().replaceAll(/^/gm, '    ');
  const owner = tenant === undefined ? '' : `tenant: ${tenant}\n`;
  return `kind: Secret\n${owner}name: ${name}\nspec:\n  certificate: |\n${block(certificate)}\n  key: |\n${block(key)}\n`;
}

/** The same of a Secret that holds authorities. */
export function authoritiesYaml(name: string, ...authorities: readonly Pick<Certificate, 'certificate'>[]): string {
  const pem = authorities.map(({ certificate }) => certificate).join('');
  return `kind: Secret\nname: ${name}\nspec:\n  ca: |\n${pem.trimEnd().replaceAll(/^/gm, '    ')}\n`;
}

function keyPair(key: NonNullable<CertificateOptions['key']>): { publicKey: KeyObject; privateKey: KeyObject } {
  switch (key) {
    case 'p256':
      return generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    case 'p384':
      return generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
    case 'ed25519':
      return generateKeyPairSync('ed25519');
    case 'rsa1024':
      return generateKeyPairSync('rsa', { modulusLength: 1024 });
    case 'rsa2048':
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
  }
}

function signatureAlgorithm({ asymmetricKeyType }: KeyObject): Buffer {
  if (asymmetricKeyType === 'ed25519') return sequence(oid('1.3.101.112'));
  if (asymmetricKeyType === 'rsa') return sequence(oid('1.2.840.113549.1.1.11'), Buffer.of(0x05, 0));
  return sequence(oid('1.2.840.10045.4.3.2'));
}

function nameOf(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid('2.5.4.3'), der(0x0c, Buffer.from(commonName)))));
}

/** GeneralizedTime, to the second. */
function time(date: Date): Buffer {
  return der(0x18, Buffer.from(`${date.toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`));
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function octets(content: Buffer): Buffer {
  return der(0x04, content);
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [40 * first + second];
  for (const part of rest) {
    const groups = [part & 0x7f];
    for (let left = part >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, Buffer.from(bytes));
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const size = length < 0x100 ? [0x81, length] : [0x82, length >>> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
