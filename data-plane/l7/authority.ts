/** The Host header: who is asked for. Anything that two readers could read differently is refused. */
import net from 'node:net';

/** RFC 3986 section 3.2.2: at most 255 bytes; the labels of a name, none of them empty. */
const hostName = /^(?!.{256})[A-Za-z0-9_~-]+(?:\.[A-Za-z0-9_~-]+)*\.?$/;
const ipv6 = /^\[[0-9A-Fa-f:.]+\]$/;

/**
 * Host without port, lower-case; undefined for what is no plain `host[:port]`.
 * @param authority the value of Host, or the authority of an absolute-form target
 */
export function canonicalHost(authority: string): string | undefined {
  const bracket = authority.lastIndexOf(']');
  const colon = authority.indexOf(':', bracket + 1);
  const host = colon < 0 ? authority : authority.slice(0, colon);
  if (colon >= 0 && !isPort(authority.slice(colon + 1))) return undefined;
  if (bracket < 0 ? !hostName.test(host) : !ipv6.test(host) || !net.isIPv6(host.slice(1, -1))) return undefined;
  return host.toLowerCase();
}

/** Host and port are the same, if they are any; where no port is written it is the scheme's own. */
export function isSameAuthority(a: string, b: string, scheme: 'http' | 'https'): boolean {
  const host = canonicalHost(a);
  return host !== undefined && host === canonicalHost(b) && portOf(a, scheme) === portOf(b, scheme);
}

function portOf(authority: string, scheme: 'http' | 'https'): number {
  const port = /:([0-9]+)$/.exec(authority.slice(authority.lastIndexOf(']') + 1));
  return port === null ? { http: 80, https: 443 }[scheme] : Number(port[1]);
}

function isPort(text: string): boolean {
  return /^[0-9]{1,5}$/.test(text) && Number(text) <= 65535;
}
