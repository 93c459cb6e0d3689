/** A connection of which it is not known yet whether it speaks HTTP/1.1 or HTTP/2: its first bytes tell. */
import type net from 'node:net';
import { preface } from '../../proto/http2/frames.ts';
import type { HttpListener } from '../l7/http-context.ts';
import { isKnownMethod } from '../l7/methods.ts';
import type { ByteReceiver } from './take-over.ts';

const slash = 47;
const lineFeed = 10;

/** One accepted connection, whatever it speaks. */
export interface HttpConnection extends ByteReceiver {
  /** By the clock of the listener. */
  readonly openedMs: number;
  /** Asks the client to go elsewhere, where its protocol has words for that beside answers. */
  announce(): void;
  /** Closes as soon as nothing is under way. */
  drain(): void;
  destroy(): void;
}

export type HttpVersion = 'http1' | 'http2';

/** What is no preface of HTTP/2 is HTTP/1.1, and gets its verdicts. */
export class UndecidedConnection implements HttpConnection {
  readonly openedMs: number;
  readonly #socket: net.Socket;
  readonly #listener: HttpListener;
  readonly #decide: (version: HttpVersion) => HttpConnection;
  readonly #onClosed: () => void;
  /** Takes the deadline back. */
  #disarm: () => void = ignore;
  #decided: HttpConnection | null = null;
  /** So much of the preface has come. */
  #seen = 0;

  /** @param decide makes the connection that goes on with the socket, and tells of its end itself */
  constructor(
    socket: net.Socket,
    listener: HttpListener,
    decide: (version: HttpVersion) => HttpConnection,
    onClosed: () => void,
  ) {
    this.#socket = socket;
    this.#listener = listener;
    this.#decide = decide;
    this.#onClosed = onClosed;
    this.openedMs = listener.shared.now();
    socket.on('error', ignore);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
    this.#arm(listener.context.chain.limits.idleTimeoutMs);
  }

  onBytes(b: Buffer, bytes: number): void {
    if (this.#decided !== null) {
      this.#decided.onBytes(b, bytes);
      return;
    }
    const seen = this.#seen;
    const more = Math.min(preface.length - seen, bytes);
    const begins = preface.compare(b, 0, more, seen, seen + more) === 0;
    if (begins && seen + more < preface.length) {
      if (seen === 0) this.#arm(this.#listener.context.chain.limits.headersTimeoutMs);
      this.#seen += more;
      return;
    }
    if (seen === 0 && isForeign(b, bytes)) {
      this.#socket.destroy();
      return;
    }
    this.#socket.off('error', ignore);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.#onClose);
    this.#disarm();
    const decided = this.#decide(begins ? 'http2' : 'http1');
    this.#decided = decided;
    // what came before is known: it is the preface, as far as it goes
    if (seen > 0) decided.onBytes(Buffer.from(preface.subarray(0, seen)), seen);
    decided.onBytes(b, bytes);
  }

  announce(): void {
    this.#decided?.announce();
  }

  drain(): void {
    if (this.#decided !== null) this.#decided.drain();
    else if (this.#seen === 0) {
      this.#listener.stats.cxDrainClose.value++;
      this.#socket.destroy();
    }
  }

  destroy(): void {
    if (this.#decided !== null) this.#decided.destroy();
    else this.#socket.destroy();
  }

  #arm(timeoutMs: number): void {
    this.#disarm();
    this.#disarm = timeoutMs > 0 ? this.#listener.shared.deadlines.after(timeoutMs, () => this.#onDeadline()) : ignore;
  }

  #onDeadline(): void {
    const { stats } = this.#listener;
    if (this.#seen > 0) stats.rqHeaderTimeout.value++;
    else stats.cxIdleTimeout.value++;
    this.#socket.destroy();
  }

  readonly #onEnd = (): void => {
    this.#listener.stats.cxDestroyRemote.value++;
    this.#socket.destroy();
  };

  readonly #onClose = (): void => {
    this.#disarm();
    this.#onClosed();
  };
}

function ignore(): void {}

/**
 * A first line without a slash is no HTTP/1.1, not even bad one, unless it begins like a request: it is closed without
 * an answer that its sender could not read.
 */
function isForeign(b: Buffer, bytes: number): boolean {
  // the common case, and cheap: `GET /`
  if (b.subarray(0, Math.min(bytes, 8)).includes(slash)) return false;
  const lineEnd = b.subarray(0, bytes).indexOf(lineFeed);
  if (lineEnd < 0) return false;
  const line = b.latin1Slice(0, lineEnd);
  return !line.includes('/') && /^[!-~]+ /.test(line) && !isKnownMethod(line.slice(0, line.indexOf(' ')));
}
