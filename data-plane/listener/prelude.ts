/**
 * What comes before a connection is served: a PROXY header, a ClientHello, each if it is wanted and within its time. What
 * belongs to the stream is handed on as it came: the ClientHello too, the header not.
 */
import { ClientHelloReader } from '../codec/client-hello.ts';
import { HeadBuffer } from '../codec/head-buffer.ts';
import { ProxyHeaderReader } from '../codec/proxy-protocol.ts';
import { type Arrival, directArrival } from '../model/arrival.ts';
import type { TcpSocket } from '../sockets/tcp-socket.ts';
import type { ListenerStats } from '../telemetry/stats.ts';
import type { Admission } from './connection-gate.ts';
import type { ProxyRules } from './proxy-rules.ts';
import type { ByteReceiver } from './take-over.ts';

export interface PreludeOptions {
  /** Null: no PROXY header is looked for. */
  readonly proxy: ProxyRules | null;
  /** A ClientHello is looked for, behind the header. */
  readonly hello: boolean;
  /** For all of it; the header has a time of its own as well. 0: for ever. */
  readonly timeoutMs: number;
  /** Calls back once after so long; returns what takes that back. */
  readonly setDeadline: (timeoutMs: number, onDeadline: () => void) => () => void;
  readonly stats: ListenerStats;
  readonly admission: Admission;
  /** Where reads go. */
  readonly readBuffer: Buffer;
  /**
   * Serves the connection from here on, with handlers of its own on the socket.
   * @param begun what has come of the stream, valid during the call only
   * @returns who gets `begun` and all that follows; null: it was taken care of
   */
  readonly serve: (arrival: Arrival, transport: 'tls' | 'raw_buffer', begun: Buffer) => ByteReceiver | null;
  /** Called once: it is served, or gone. */
  readonly onOver: (prelude: Prelude) => void;
}

export class Prelude implements ByteReceiver {
  readonly #socket: TcpSocket;
  readonly #options: PreludeOptions;
  /** Take the deadlines back. */
  readonly #disarm: () => void;
  readonly #disarmHeader: () => void;
  #arrival: Arrival;
  #header: ProxyHeaderReader | null;
  #hello: ClientHelloReader | null;
  /** Of the stream, as long as it is looked at; null: nothing has come. */
  #held: HeadBuffer | null = null;
  #isOver = false;
  #receiver: ByteReceiver | null = null;

  /** At least one of header and hello is wanted. */
  constructor(socket: TcpSocket, options: PreludeOptions) {
    const { proxy, hello, stats } = options;
    this.#socket = socket;
    this.#options = options;
    this.#arrival = directArrival(socket);
    this.#header = proxy === null ? null : new ProxyHeaderReader();
    this.#hello = hello ? new ClientHelloReader() : null;
    stats.preCxActive.value++;
    socket.on('error', this.#onError);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
    this.#disarm = this.#arm(options.timeoutMs);
    this.#disarmHeader = this.#arm(proxy === null ? 0 : proxy.timeoutMs);
  }

  readonly onBytes = (b: Buffer, bytes: number): void => {
    if (this.#receiver !== null) this.#receiver.onBytes(b, bytes);
    else if (!this.#isOver) this.#look(b, bytes);
  };

  readonly nextReadBuffer = (): Buffer => this.#receiver?.nextReadBuffer?.() ?? this.#options.readBuffer;

  destroy(): void {
    this.#socket.destroy();
  }

  #look(b: Buffer, bytes: number): void {
    let begun = b.subarray(0, bytes);
    if (this.#header !== null) {
      const behind = this.#behindHeader(this.#header, begun);
      if (behind === null) return;
      begun = behind;
    }
    if (this.#hello === null) this.#serve('raw_buffer', begun);
    else if (begun.length > 0) this.#lookForHello(this.#hello, begun);
  }

  /** What of `b` belongs to the stream; null: the header is not here to its end, or the connection was closed. */
  #behindHeader(reader: ProxyHeaderReader, b: Buffer): Buffer | null {
    const { proxy, stats, admission } = this.#options;
    const read = reader.push(b, 0, b.length);
    if (read.type === 'more') return null;
    if (read.type === 'refused') {
      stats.proxyProtoError.value++;
      return this.#close();
    }
    this.#header = null;
    this.#disarmHeader();
    if (read.type === 'none') {
      if (proxy!.required) {
        stats.proxyProtoNotFoundDisallowed.value++;
        return this.#close();
      }
      stats.proxyProtoNotFoundAllowed.value++;
    } else {
      (read.header.version === 1 ? stats.proxyProtoV1Found : stats.proxyProtoV2Found).value++;
      this.#arrival = proxy!.arrivalBy(read.header, this.#arrival);
    }
    // a LOCAL connection is the trusted proxy's own
    const isLocal = read.type === 'header' && read.header.addresses === null;
    if (!isLocal && !admission.moveTo(this.#arrival.remoteAddress)) {
      stats.cxAddressOverflow.value++;
      return this.#close();
    }
    if (read.type === 'header') return b.subarray(read.end);
    return read.held === null ? b : Buffer.concat([read.held, b]);
  }

  #lookForHello(reader: ClientHelloReader, b: Buffer): void {
    const held = this.#held;
    held?.append(b, 0, b.length);
    const all = held === null ? b : held.bytes.subarray(0, held.length);
    const verdict = reader.read(all);
    const { stats } = this.#options;
    switch (verdict.type) {
      case 'more':
        if (held === null) {
          this.#held = new HeadBuffer();
          this.#held.append(b, 0, b.length);
        }
        return;
      case 'not-tls':
        stats.tlsNotFound.value++;
        this.#serve('raw_buffer', all);
        return;
      case 'refused':
        (verdict.reason === 'too large' ? stats.clientHelloTooLarge : stats.clientHelloRefused).value++;
        this.#close();
        return;
      case 'hello': {
        stats.tlsFound.value++;
        const { serverName, alpn } = verdict.hello;
        this.#arrival = { ...this.#arrival, serverName, alpn };
        this.#serve('tls', all);
      }
    }
  }

  #serve(transport: 'tls' | 'raw_buffer', begun: Buffer): void {
    const socket = this.#socket;
    this.#held = null;
    const receiver = this.#options.serve(this.#arrival, transport, begun);
    this.#over();
    socket.off('error', this.#onError);
    socket.off('end', this.#onEnd);
    socket.off('close', this.#onClose);
    this.#receiver = receiver;
    if (receiver !== null && begun.length > 0) receiver.onBytes(begun, begun.length);
  }

  #close(): null {
    this.#socket.destroy();
    return null;
  }

  /** @param timeoutMs 0: for ever */
  #arm(timeoutMs: number): () => void {
    return timeoutMs > 0 ? this.#options.setDeadline(timeoutMs, () => this.#onDeadline()) : ignore;
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#disarm();
    this.#disarmHeader();
    this.#options.stats.preCxActive.value--;
    this.#options.onOver(this);
  }

  #onDeadline(): void {
    this.#options.stats.preCxTimeout.value++;
    this.#close();
  }

  readonly #onEnd = (): void => {
    this.#options.stats.listenerFilterRemoteClose.value++;
    this.#close();
  };

  readonly #onError = (): void => {
    this.#options.stats.listenerFilterError.value++;
  };

  readonly #onClose = (): void => this.#over();
}

function ignore(): void {}
