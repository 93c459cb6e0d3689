/**
 * The same sockets straight on the handles under `node:dgram`, which is not documented: no event, list, object or callback
 * a datagram. Where this Node has none such, the documented ones do the same for more CPU (docs/performance.md).
 */
import net from 'node:net';
import { getSystemErrorName } from 'node:util';
import { documentedSockets } from './udp-dgram.ts';
import { type DatagramReceiver, UdpError, type UdpSocket, type UdpSockets } from './udp-socket.ts';

const nothing = Buffer.alloc(0);

interface Sender {
  address: string;
  port: number;
}

export interface Handle {
  onmessage: (bytes: number, handle: unknown, b: Buffer, from: Sender) => void;
  /** All of them: below 0, an error of the system. */
  bind(address: string, port: number, flags: number): number;
  bind6(address: string, port: number, flags: number): number;
  connect(address: string, port: number): number;
  connect6(address: string, port: number): number;
  getsockname(into: Partial<Sender>): number;
  recvStart(): number;
  /** Above 0: it is sent; 0: it waits, and the request is called back. */
  send(request: SendRequest, list: readonly Buffer[], count: 1, callsBack: true): number;
  send(request: SendRequest, list: readonly Buffer[], count: 1, port: number, address: string, callsBack: true): number;
  send6(
    request: SendRequest,
    list: readonly Buffer[],
    count: 1,
    port: number,
    address: string,
    callsBack: true,
  ): number;
  close(): void;
}

export interface SendRequest {
  /** Keeps the bytes alive. */
  list?: readonly Buffer[];
  oncomplete?: (error: number) => void;
}

export interface Internals {
  readonly UDP: new () => Handle;
  readonly SendWrap: new () => SendRequest;
  readonly constants: { readonly UV_UDP_REUSEPORT: number };
}

/** Most datagrams are sent at once, and leave the request as it was, for whoever sends next. */
class Requests {
  readonly #SendWrap: Internals['SendWrap'];
  next: SendRequest;
  list: [Buffer] = [nothing];

  constructor(SendWrap: Internals['SendWrap']) {
    this.#SendWrap = SendWrap;
    this.next = new SendWrap();
  }

  /** The next one, for what waits. */
  take(): SendRequest {
    const taken = this.next;
    taken.list = this.list;
    this.next = new this.#SendWrap();
    this.list = [nothing];
    return taken;
  }
}

/** @param internals of Node */
export function handleSockets({ UDP, SendWrap, constants }: Internals): UdpSockets {
  const requests = new Requests(SendWrap);
  const open = (doing: string, receiver: DatagramReceiver, place: (handle: Handle) => number): UdpSocket => {
    const handle = new UDP();
    const placed = place(handle);
    const result = placed < 0 ? placed : handle.recvStart();
    if (result >= 0) return new HandleSocket(handle, requests, receiver);
    handle.close();
    throw new UdpError(getSystemErrorName(result), doing);
  };
  return {
    bind: (address, port, reusePort, receiver) => {
      const flags = reusePort ? constants.UV_UDP_REUSEPORT : 0;
      const isIPv6 = net.isIPv6(address);
      return open('bind', receiver, (handle) =>
        isIPv6 ? handle.bind6(address, port, flags) : handle.bind(address, port, flags),
      );
    },
    connect: (address, port, receiver) => {
      const isIPv6 = net.isIPv6(address);
      return open('connect', receiver, (handle) =>
        isIPv6 ? handle.connect6(address, port) : handle.connect(address, port),
      );
    },
  };
}

/** Null: this Node has others. */
function findInternals(): Internals | null {
  const { binding } = process as { binding?: (name: string) => Partial<Internals> };
  try {
    const { UDP, SendWrap, constants } = binding?.call(process, 'udp_wrap') ?? {};
    if (UDP === undefined || SendWrap === undefined || typeof constants?.UV_UDP_REUSEPORT !== 'number') return null;
    const methods = ['bind', 'bind6', 'connect', 'connect6', 'getsockname', 'recvStart', 'send', 'send6', 'close'];
    const handle = UDP.prototype as Record<string, unknown>;
    return methods.every((name) => typeof handle[name] === 'function') ? { UDP, SendWrap, constants } : null;
  } catch {
    return null;
  }
}

class HandleSocket implements UdpSocket {
  readonly #handle: Handle;
  readonly #requests: Requests;
  readonly #receiver: DatagramReceiver;
  #waits = false;
  #isOpen = true;

  constructor(handle: Handle, requests: Requests, receiver: DatagramReceiver) {
    this.#handle = handle;
    this.#requests = requests;
    this.#receiver = receiver;
    handle.onmessage = (bytes, _handle, b, from) => {
      if (!this.#isOpen) return;
      try {
        if (bytes >= 0) receiver.onDatagram(b, from.address, from.port);
        else receiver.onSocketError(getSystemErrorName(bytes));
      } catch (fault) {
        receiver.onFault(fault);
      }
    };
  }

  get local(): { address: string; port: number } {
    const local: Partial<Sender> = {};
    this.#handle.getsockname(local);
    return { address: local.address ?? '', port: local.port ?? 0 };
  }

  send(b: Buffer): string | null {
    if (this.#waits) return 'EAGAIN';
    const { next, list } = this.#requests;
    list[0] = b;
    return this.#sent(this.#handle.send(next, list, 1, true));
  }

  sendTo(b: Buffer, address: string, port: number): string | null {
    if (this.#waits) return 'EAGAIN';
    const { next, list } = this.#requests;
    list[0] = b;
    return this.#sent(
      address.includes(':')
        ? this.#handle.send6(next, list, 1, port, address, true)
        : this.#handle.send(next, list, 1, port, address, true),
    );
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#handle.close();
  }

  #sent(result: number): string | null {
    if (result === 0) this.#wait();
    this.#requests.list[0] = nothing;
    return result < 0 ? getSystemErrorName(result) : null;
  }

  /** The system's buffer is full: the handle keeps this one datagram until there is room. */
  #wait(): void {
    this.#waits = true;
    this.#requests.take().oncomplete = (error) => {
      this.#waits = false;
      if (error < 0 && this.#isOpen) this.#receiver.onSocketError(getSystemErrorName(error));
    };
  }
}

const internals = findInternals();

/** The fastest that this Node has. */
export const udpSockets: UdpSockets = internals === null ? documentedSockets : handleSockets(internals);
