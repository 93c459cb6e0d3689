/** What a page answers, and the ways to write it. */

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  /** In pieces where it may be long, so that traffic goes on between them. */
  readonly body: string | Iterable<string>;
}

export function text(body: string | Iterable<string>, status = 200): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}

export function json(value: unknown): Answer {
  return { status: 200, contentType: 'application/json', body: `${JSON.stringify(value, null, 1)}\n` };
}

export function html(body: string): Answer {
  return { status: 200, contentType: 'text/html; charset=utf-8', body };
}

/** Names are chosen by tenants: none may become markup. */
export function escapeHtml(value: string): string {
  return value.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Nor may one become a line of its own. */
export function oneLine(value: string): string {
  return value.replace(/[\0-\x1f\x7f\u2028\u2029]/g, '_');
}

/** `ip:port`, `[ip]:port` for IPv6. */
export function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

export interface SocketAddress {
  readonly socket_address: { readonly address: string; readonly port_value: number };
}

/** Envoy's Address message as JSON. */
export function socketAddress(address: string, port: number): SocketAddress {
  return { socket_address: { address, port_value: port } };
}
