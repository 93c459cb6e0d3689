/** Datagram sockets by documented interfaces of Node only. */
import dgram from 'node:dgram';
import net from 'node:net';
import { type DatagramReceiver, UdpError, type UdpSocket, type UdpSockets } from './udp-socket.ts';

export const documentedSockets: UdpSockets = {
  bind: (address, port, reusePort, receiver) => {
    const socket = new DgramSocket(address, reusePort, receiver);
    socket.bind(address, port);
    return socket;
  },
  connect: (address, port, receiver) => {
    const socket = new DgramSocket(address, false, receiver);
    socket.connect(address, port);
    return socket;
  },
};

class DgramSocket implements UdpSocket {
  readonly #socket: dgram.Socket;
  readonly #receiver: DatagramReceiver;
  /** While it is set up, an error is that of the call. */
  #failed: string | null = null;
  #isOpen = false;
  local = { address: '', port: 0 };

  constructor(address: string, reusePort: boolean, receiver: DatagramReceiver) {
    const family = net.isIPv6(address) ? 6 : 4;
    this.#receiver = receiver;
    // an address is "looked up" at once: so everything below is done when its call returns
    const lookup: dgram.SocketOptions['lookup'] = (host, _options, found) => found(null, host, family);
    this.#socket = dgram.createSocket({ type: family === 6 ? 'udp6' : 'udp4', reusePort, lookup });
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#onError(codeOf(error)));
    this.#socket.on('message', (b, { address: from, port }) => {
      try {
        receiver.onDatagram(b, from, port);
      } catch (fault) {
        receiver.onFault(fault);
      }
    });
  }

  bind(address: string, port: number): void {
    this.#socket.bind({ address, port, exclusive: true });
    this.#settle('bind', () => this.#socket.address());
  }

  connect(address: string, port: number): void {
    this.#socket.connect(port, address, ignore);
    this.#settle('connect', () => {
      this.#socket.remoteAddress();
      return this.#socket.address();
    });
  }

  send(b: Buffer): string | null {
    if (this.#socket.getSendQueueCount() > 0) return 'EAGAIN';
    try {
      this.#socket.send(b, this.#onSent);
      return null;
    } catch (error) {
      return codeOf(error);
    }
  }

  sendTo(b: Buffer, address: string, port: number): string | null {
    if (this.#socket.getSendQueueCount() > 0) return 'EAGAIN';
    try {
      this.#socket.send(b, port, address, this.#onSent);
      return null;
    } catch (error) {
      return codeOf(error);
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#socket.close();
  }

  #settle(doing: string, address: () => net.AddressInfo): void {
    try {
      if (this.#failed !== null) throw new Error(this.#failed);
      const { address: ip, port } = address();
      this.local = { address: ip, port };
      this.#isOpen = true;
    } catch (error) {
      this.#socket.close();
      throw new UdpError(this.#failed ?? codeOf(error), doing);
    }
  }

  #onError(code: string): void {
    if (this.#isOpen) this.#receiver.onSocketError(code);
    else this.#failed = code;
  }

  /** What `send` could not know when it returned. */
  readonly #onSent = (error: Error | null): void => {
    if (error !== null && this.#isOpen) this.#receiver.onSocketError(codeOf(error));
  };
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN';
}

function ignore(): void {}
