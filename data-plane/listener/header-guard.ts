/**
 * Stands before somebody whose PROXY header nobody believes: one that it sends all the same must not reach an endpoint as
 * data, which might believe it. Nothing is held back, so that nobody waits: an endpoint may get a part of a header's
 * beginning, and then the connection is to be cut.
 */
import { signature1, signature2 } from '../codec/proxy-protocol.ts';
import type { ByteReceiver } from './take-over.ts';

export class HeaderGuard implements ByteReceiver {
  readonly nextReadBuffer: () => Buffer;
  readonly #receiver: ByteReceiver;
  readonly #onHeader: () => void;
  /** What may still come; null: it is no header. */
  #signature: Buffer | null = null;
  #seen = 0;

  /** @param onHeader is to cut the connection */
  constructor(receiver: Required<ByteReceiver>, onHeader: () => void) {
    this.#receiver = receiver;
    this.#onHeader = onHeader;
    this.nextReadBuffer = receiver.nextReadBuffer;
  }

  readonly onBytes = (b: Buffer, bytes: number): void => {
    if (this.#seen === 0) this.#signature = b[0] === signature2[0] ? signature2 : signature1;
    const signature = this.#signature;
    if (signature !== null) {
      const seen = this.#seen;
      const more = Math.min(signature.length - seen, bytes);
      this.#seen += more;
      if (signature.compare(b, 0, more, seen, this.#seen) !== 0) this.#signature = null;
      else if (this.#seen === signature.length) {
        this.#onHeader();
        return;
      }
    }
    this.#receiver.onBytes(b, bytes);
  };
}
