/** How the connection to the control plane is secured: plain, or TLS with files that are read anew for each connection. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import * as grpc from '@grpc/grpc-js';

/** Paths of PEM files. */
export interface XdsTlsFiles {
  /** The authorities that may vouch for the control plane. */
  readonly ca: string;
  /** What this node presents; undefined: nothing. */
  readonly client: { readonly cert: string; readonly key: string } | undefined;
}

/** A file that cannot be read, or does not hold what it should; the message says which, and which setting to change. */
export class XdsTlsError extends Error {
  readonly code = 'xds-tls';
}

export interface SecuredChannel {
  readonly credentials: grpc.ChannelCredentials;
  readonly options: grpc.ChannelOptions;
}

/** What to open a channel to `server` (`host:port`) with; the same object while the files stay the same. */
export type ChannelSecurity = (server: string) => SecuredChannel;

export function channelSecurity(files: XdsTlsFiles | undefined): ChannelSecurity {
  if (files === undefined) {
    const plain = { credentials: grpc.credentials.createInsecure(), options: {} };
    return () => plain;
  }
  let last: { readonly key: string; readonly channel: SecuredChannel } | undefined;
  return (server) => {
    const pems = readPems(files);
    const key = [server, pems.ca, pems.cert, pems.key].join('\n');
    if (last?.key !== key) last = { key, channel: secured(server, secureContext(files, pems)) };
    return last.channel;
  };
}

/** Throws {@link XdsTlsError} for files that no connection could be made with. */
export function checkTlsFiles(files: XdsTlsFiles): void {
  secureContext(files, readPems(files));
}

interface Pems {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

const settings = {
  ca: '--xds-ca (FAIRLEAD_XDS_CA)',
  cert: '--xds-cert (FAIRLEAD_XDS_CERT)',
  key: '--xds-key (FAIRLEAD_XDS_KEY)',
} as const;

function readPems({ ca, client }: XdsTlsFiles): Pems {
  return {
    ca: read(ca, settings.ca),
    ...(client !== undefined && { cert: read(client.cert, settings.cert), key: read(client.key, settings.key) }),
  };
}

function read(file: string, setting: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : message;
    throw new XdsTlsError(`cannot read ${file}: ${why}; set ${setting} to a PEM file that this user may read`, {
      cause,
    });
  }
}

function secureContext({ ca, client }: XdsTlsFiles, pems: Pems): tls.SecureContext {
  certificatesIn(pems.ca, ca, settings.ca);
  if (client !== undefined) {
    const [own] = certificatesIn(pems.cert ?? '', client.cert, settings.cert);
    demandKeyOf(own!, pems.key ?? '', client);
  }
  return tls.createSecureContext({ ...pems, minVersion: 'TLSv1.2' });
}

/** At least one. */
function certificatesIn(pem: string, file: string, setting: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  try {
    if (blocks.length === 0) throw new Error('it holds none in PEM form');
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    const why = (cause as Error).message.trim();
    throw new XdsTlsError(`cannot take the certificate in ${file}: ${why}; set ${setting} to a PEM file`, { cause });
  }
}

function demandKeyOf(certificate: X509Certificate, pem: string, { cert, key }: { cert: string; key: string }): void {
  const refusal = (why: string, cause?: unknown): XdsTlsError =>
    new XdsTlsError(
      `the private key in ${key} cannot be used: ${why}; set ${settings.key} to the certificate's own key, in PEM form and without a passphrase`,
      { cause },
    );
  let parsed: KeyObject;
  try {
    parsed = createPrivateKey(pem);
  } catch (cause) {
    throw refusal((cause as Error).message.trim(), cause);
  }
  if (!certificate.checkPrivateKey(parsed)) throw refusal(`it does not belong to the certificate in ${cert}`);
}

function secured(server: string, context: tls.SecureContext): SecuredChannel {
  const host = server.slice(0, server.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1');
  return {
    credentials: grpc.credentials.createFromSecureContext(context, {
      checkServerIdentity: (_name, certificate) => tls.checkServerIdentity(host, certificate),
    }),
    // an address may not be sent as a server name (RFC 6066, section 3), and gRPC sends one in any case
    options: net.isIP(host) === 0 ? {} : { 'grpc.ssl_target_name_override': 'localhost' },
  };
}
