/** What is known of a client by the certificate that it presented. */
import type { TLSSocket } from 'node:tls';
import type { PeerCertificate } from './ports.ts';

/** With the end of its time (milliseconds since 1970); undefined: the client presented none. */
export function presentedBy(socket: TLSSocket): { certificate: PeerCertificate; validToMs: number } | undefined {
  const presented = socket.getPeerCertificate();
  if (presented.raw === undefined) return undefined;
  const validToMs = Date.parse(presented.valid_to);
  if (!socket.authorized) {
    // Node's types say Error; it is OpenSSL's code
    const reason = whyUntrusted(String(socket.authorizationError));
    return { certificate: { trusted: false, reason }, validToMs };
  }
  const uris = uriNames(presented.subjectaltname ?? '');
  if (uris !== undefined) return { certificate: { trusted: true, uris }, validToMs };
  return { certificate: { trusted: false, reason: 'its alternative names cannot be read' }, validToMs };
}

export const expired = { trusted: false, reason: 'it has expired; renew it' } as const;

/** @param code OpenSSL's, as `CERT_HAS_EXPIRED` */
function whyUntrusted(code: string): string {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return expired.reason;
    case 'CERT_NOT_YET_VALID':
      return 'its time has not come yet; look at the clocks';
    case 'INVALID_PURPOSE':
      return 'it is not meant for clients; its extended key usage has to name clientAuth';
    default:
      return `no authority of FAIRLEAD_XDS_CLIENT_CA vouches for it (${code})`;
  }
}

/**
 * The URIs among the subject's alternative names, in Node's text form: `URI:a, DNS:b`, a value in quotes (as in JSON)
 * where it holds what could be mistaken. Undefined for a text that is not of this form: then nobody knows who it is.
 */
export function uriNames(subjectAltName: string): string[] | undefined {
  const uris: string[] = [];
  const entry = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;
  while (entry.lastIndex < subjectAltName.length) {
    const match = entry.exec(subjectAltName);
    if (match === null) return undefined;
    const [, type, value = ''] = match;
    const name = value.startsWith('"') ? unquoted(value) : value;
    if (name === undefined) return undefined;
    if (type === 'URI') uris.push(name);
  }
  return uris;
}

function unquoted(text: string): string | undefined {
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
}
