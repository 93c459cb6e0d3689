/** Datagram sockets as the UDP proxy wants them: at once or not at all, bounded, an error a value. */

/** Gets what comes to a socket. */
export interface DatagramReceiver {
  /** @param b the receiver's own @param address as the system writes it: IPv4 on a socket for both is `::ffff:…` */
  onDatagram(b: Buffer, address: string, port: number): void;
  /** A code of the system. `ECONNREFUSED` on a connected socket: nobody is there, ICMP says. The socket goes on. */
  onSocketError(code: string): void;
  /** A bug showed itself in one of the above. */
  onFault(fault: unknown): void;
}

export interface UdpSocket {
  readonly local: { readonly address: string; readonly port: number };
  /**
   * To whom the socket is connected. What does not leave at once waits in the system's stead, one datagram of a socket;
   * whatever comes while it waits is not taken (`EAGAIN`).
   * @returns null: it is on its way; else the system's code
   */
  send(b: Buffer): string | null;
  /** As `send`, on a socket that is not connected. */
  sendTo(b: Buffer, address: string, port: number): string | null;
  close(): void;
}

/** Both throw a {@link UdpError}. */
export interface UdpSockets {
  /** @param reusePort others of this user may be there, too: the kernel deals out the clients */
  bind(address: string, port: number, reusePort: boolean, receiver: DatagramReceiver): UdpSocket;
  /** It hears of nobody but that endpoint, save of what came between the two calls that this takes. */
  connect(address: string, port: number, receiver: DatagramReceiver): UdpSocket;
}

export class UdpError extends Error {
  readonly code: string;
  constructor(code: string, doing: string) {
    super(`${doing}: ${code}`);
    this.name = 'UdpError';
    this.code = code;
  }
}
