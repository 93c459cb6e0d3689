/** The Host header: who is asked for. Anything that two readers could read differently is refused. */

const hostName = /^[A-Za-z0-9._~-]+$/;
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
  if (!(bracket < 0 ? hostName : ipv6).test(host)) return undefined;
  return host.toLowerCase();
}

function isPort(text: string): boolean {
  return /^[0-9]{1,5}$/.test(text) && Number(text) <= 65535;
}
