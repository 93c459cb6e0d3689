/** The PEM files of a TLS port: read, and checked before anything stands on them. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** Paths. */
export interface TlsFiles {
  /** The server's certificate, the intermediate ones after it. */
  readonly cert: string;
  readonly key: string;
  /** Authorities that vouch for clients; undefined: clients are not asked for certificates. */
  readonly clientCa: string | undefined;
}

export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly clientCa: Buffer | undefined;
}

/** A file that cannot be read, or does not hold what it should. */
export class TlsFilesError extends Error {
  readonly code = 'tls-files';
  readonly remedy: string;
  constructor(message: string, remedy: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'TlsFilesError';
    this.remedy = remedy;
  }
}

const settings = {
  cert: 'FAIRLEAD_XDS_CERT (--xds-cert)',
  key: 'FAIRLEAD_XDS_KEY (--xds-key)',
  clientCa: 'FAIRLEAD_XDS_CLIENT_CA (--xds-client-ca)',
} as const;

/** Rejects with {@link TlsFilesError}. */
export async function readTlsFiles(files: TlsFiles): Promise<TlsMaterial> {
  const [cert, key, clientCa] = await Promise.all([
    read(files.cert, settings.cert),
    read(files.key, settings.key),
    files.clientCa === undefined ? undefined : read(files.clientCa, settings.clientCa),
  ]);
  return { cert, key, clientCa };
}

async function read(file: string, setting: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'there is no such file',
      EACCES: 'this user may not read it',
      EISDIR: 'it is a folder',
    };
    throw new TlsFilesError(
      `Cannot read ${file}: ${reasons[code ?? ''] ?? message}.`,
      `Set ${setting} to a PEM file that this user may read.`,
      { cause },
    );
  }
}

export function isSameMaterial(one: TlsMaterial, other: TlsMaterial): boolean {
  const isSame = (a: Buffer | undefined, b: Buffer | undefined): boolean =>
    a === undefined || b === undefined ? a === b : a.equals(b);
  return isSame(one.cert, other.cert) && isSame(one.key, other.key) && isSame(one.clientCa, other.clientCa);
}

/** When the server's certificate ends (milliseconds since 1970). Throws {@link TlsFilesError} for what cannot serve. */
export function checkTlsMaterial(files: TlsFiles, { cert, key, clientCa }: TlsMaterial): number {
  const [server] = certificatesIn(cert, files.cert, settings.cert);
  const privateKey = privateKeyIn(key, files.key);
  if (!server!.checkPrivateKey(privateKey)) {
    throw new TlsFilesError(
      `The private key in ${files.key} does not belong to the certificate in ${files.cert}.`,
      'Give the two files that were issued together; of several certificates in the file, the server’s own is the first.',
    );
  }
  if (clientCa !== undefined && files.clientCa !== undefined) {
    const other = certificatesIn(clientCa, files.clientCa, settings.clientCa).find(({ ca }) => !ca);
    if (other !== undefined) {
      throw new TlsFilesError(
        `${files.clientCa} holds a certificate that is no authority's: ${oneLine(other.subject)}.`,
        `Set ${settings.clientCa} to the certificate of the authority that signs for the nodes.`,
      );
    }
  }
  return Date.parse(server!.validTo);
}

/** At least one. */
function certificatesIn(pem: Buffer, file: string, setting: string): X509Certificate[] {
  const remedy = `Set ${setting} to a file of certificates in PEM form (-----BEGIN CERTIFICATE-----).`;
  const blocks = pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new TlsFilesError(`${file} holds no certificate in PEM form.`, remedy);
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw new TlsFilesError(`${file} holds a certificate that cannot be read: ${reasonOf(cause)}.`, remedy, { cause });
  }
}

function privateKeyIn(pem: Buffer, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new TlsFilesError(
      `${file} holds no private key that can be used: ${reasonOf(cause)}.`,
      `Set ${settings.key} to a private key in PEM form, without a passphrase.`,
      { cause },
    );
  }
}

function reasonOf(cause: unknown): string {
  return oneLine(cause instanceof Error ? cause.message : String(cause));
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ', ');
}
