/** Certificates of clients: whether one lets its owner in, and what endpoints are told of it. Pure. */
import type { X509Certificate } from 'node:crypto';
import type { ClientCertificatesConfig, ForwardClientCertConfig, SubjectNameConfig } from '../model/config.ts';

/** What is looked at of a certificate. */
export type Certificate = Pick<X509Certificate, 'subject' | 'subjectAltName' | 'fingerprint256' | 'validToDate'>;

/**
 * A resumed session brings the certificate of the first, and whether that was verified. The session may live longer
 * than the certificate, hence its end is looked at here.
 * @param peer null: the client showed none
 * @param verified the chain leads to one of the authorities
 */
export function isWelcome(
  { required, names }: ClientCertificatesConfig,
  peer: Certificate | null,
  verified: boolean,
  nowMs: number,
): boolean {
  if (peer === null) return !required;
  if (!verified || !(peer.validToDate.getTime() > nowMs)) return false;
  const own = { uri: writtenNames(peer, 'URI'), dns: writtenNames(peer, 'DNS') };
  if (![...own.uri, ...own.dns].every((name) => isName.test(name))) return false;
  if (names.length === 0) return true;
  return names.some((wanted) => own[wanted.type].some((name) => isNamed(name, wanted)));
}

/** As Envoy compares them: only whole hosts without regard to their case. */
function isNamed(name: string, { type, value, prefix }: SubjectNameConfig): boolean {
  if (prefix) return name.startsWith(value);
  return name === value || (type === 'dns' && name.toLowerCase() === value.toLowerCase());
}

/**
 * The value of x-forwarded-client-cert, in the order and the words of Envoy.
 * @param own the certificate that the client was shown
 */
export function forwardedCertificate(
  peer: Certificate,
  own: Certificate | undefined,
  { subject, uri, dns }: ForwardClientCertConfig,
): string {
  const uris = alternativeNames(peer, 'URI');
  return [
    ...(own === undefined ? [] : alternativeNames(own, 'URI').map((name) => `By=${quoted(name)}`)),
    `Hash=${peer.fingerprint256.replaceAll(':', '').toLowerCase()}`,
    ...(subject ? [`Subject="${subjectOf(peer)}"`] : []),
    ...(uri ? (uris.length === 0 ? ['URI='] : uris.map((name) => `URI=${quoted(name)}`)) : []),
    ...(dns ? alternativeNames(peer, 'DNS').map((name) => `DNS=${quoted(name)}`) : []),
  ].join(';');
}

/** No URI and no host has other characters, a zero byte, say: two readers could read two names. */
const isName = /^[\x21-\x7e]+$/;

/** Node writes names with characters that its list could not do without as JSON: no comma stands inside a name. */
function writtenNames({ subjectAltName }: Certificate, type: 'URI' | 'DNS'): string[] {
  return (subjectAltName?.split(', ') ?? [])
    .filter((name) => name.startsWith(`${type}:`))
    .map((name) => name.slice(type.length + 1))
    .map((name) => (name.startsWith('"') ? unquoted(name) : name));
}

function alternativeNames(certificate: Certificate, type: 'URI' | 'DNS'): string[] {
  return writtenNames(certificate, type).filter((name) => isName.test(name));
}

function unquoted(json: string): string {
  try {
    return String(JSON.parse(json));
  } catch {
    return '';
  }
}

/** What could end a value, or the whole element, stands between quotes. */
function quoted(name: string): string {
  return /[;,"]/.test(name) ? `"${name.replaceAll(/["\\]/g, '\\$&')}"` : name;
}

/** As RFC 2253 writes it: the last part first, and bytes beyond ASCII in hexadecimal. Node has one part a line. */
function subjectOf({ subject }: Certificate): string {
  const parts = (subject ?? '').split('\n').map((line) => line.split(' + ').reverse().join('+'));
  return parts
    .reverse()
    .join(',')
    .replaceAll(/[^\x20-\x7e]+/g, escaped);
}

function escaped(text: string): string {
  return Array.from(Buffer.from(text), (byte) => `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}
