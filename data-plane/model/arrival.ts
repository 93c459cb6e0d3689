/** How a connection has come: by its socket, or as a PROXY header in front of its bytes says. */

/** A TLV of a PROXY v2 header. */
export interface ProxyTlv {
  /** One byte. */
  readonly type: number;
  readonly value: Uint8Array;
}

/** Addresses are plain: IPv4 as such also where a socket for both versions shows it as IPv6. */
export interface Arrival {
  /** The client: as a PROXY header that is believed names it, else who has connected. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** What the client has connected to, by the same header or the socket. */
  readonly localAddress: string;
  readonly localPort: number;
  /** Who has connected, whatever a header says. */
  readonly directAddress: string;
  readonly directPort: number;
  /** What the ClientHello asks for, lower-case; empty: nothing, or none was read. */
  readonly serverName: string;
  /** The protocols that it offers. */
  readonly alpn: readonly string[];
  /** Values of the header's TLVs that are kept, by name, as Latin-1; null: none. */
  readonly proxyTlvs: ReadonlyMap<string, string> | null;
  /** All TLVs of the header, in its order, for endpoints that are to have them. */
  readonly rawTlvs: readonly ProxyTlv[];
}

/** What a socket knows. */
export interface SocketAddresses {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}

const nothing: readonly never[] = [];

/** Of a connection of which nothing is known but its socket. */
export function directArrival(socket: SocketAddresses): Arrival {
  const remoteAddress = withoutMapping(socket.remoteAddress ?? '');
  const remotePort = socket.remotePort ?? 0;
  return {
    remoteAddress,
    remotePort,
    localAddress: withoutMapping(socket.localAddress ?? ''),
    localPort: socket.localPort ?? 0,
    directAddress: remoteAddress,
    directPort: remotePort,
    serverName: '',
    alpn: nothing,
    proxyTlvs: null,
    rawTlvs: nothing,
  };
}

/** How an address and a port are written. */
export function addressText(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/** A client of IPv4 at a socket for both versions has its own address. */
export function withoutMapping(ip: string): string {
  return ip.startsWith('::ffff:') ? ip.slice(7) : ip;
}
