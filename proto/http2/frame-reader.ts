/** Bytes, cut anywhere, to whole frames. What is whole in the bytes that come is not copied. */
import { ConnectionError, errorCodes } from './errors.ts';
import { defaultFrameBytes, frameHeaderBytes, frameTypes, preface, readUint31 } from './frames.ts';

/** The frame's payload is `bytes` from `start` to before `end`. @returns false to stop reading for good */
export type OnFrame = (
  bytes: Buffer,
  start: number,
  end: number,
  type: number,
  flags: number,
  streamId: number,
) => boolean;

export class FrameReader {
  readonly #onFrame: OnFrame;
  readonly #maxFrameBytes: number;
  /** Bytes of the client's preface that are still to come. */
  #prefaceLeft: number;
  #isFirst = true;
  /** A frame of which a part is here: its first `#heldBytes` bytes, in room for all that is known of it. */
  #held: Buffer | undefined = undefined;
  #heldBytes = 0;

  /** @param maxFrameBytes the SETTINGS_MAX_FRAME_SIZE that the peer is told */
  constructor(expectPreface: boolean, maxFrameBytes: number, onFrame: OnFrame) {
    this.#prefaceLeft = expectPreface ? preface.length : 0;
    this.#maxFrameBytes = Math.max(maxFrameBytes, defaultFrameBytes);
    this.#onFrame = onFrame;
  }

  /** A frame of headers is here in part. */
  get isInHeaders(): boolean {
    if (this.#held === undefined || this.#heldBytes < frameHeaderBytes) return false;
    return this.#held[3] === frameTypes.headers || this.#held[3] === frameTypes.continuation;
  }

  /** @throws ConnectionError as soon as the bytes cannot become frames */
  read(bytes: Buffer): void {
    let at = this.#prefaceLeft > 0 ? this.#readPreface(bytes) : 0;
    if (this.#held !== undefined) at = this.#fill(this.#held, bytes, at);
    while (bytes.length - at >= frameHeaderBytes) {
      const next = at + frameHeaderBytes + this.#payloadLength(bytes, at);
      if (next > bytes.length) break;
      if (!this.#emit(bytes, at, next)) return;
      at = next;
    }
    if (at < bytes.length) this.#hold(bytes, at);
  }

  #readPreface(bytes: Buffer): number {
    const count = Math.min(this.#prefaceLeft, bytes.length);
    const from = preface.length - this.#prefaceLeft;
    if (preface.compare(bytes, 0, count, from, from + count) !== 0) {
      throw new ConnectionError(errorCodes.PROTOCOL_ERROR, 'The connection does not begin with the preface of HTTP/2.');
    }
    this.#prefaceLeft -= count;
    return count;
  }

  #hold(bytes: Buffer, at: number): void {
    const here = bytes.length - at;
    const whole = here >= frameHeaderBytes ? frameHeaderBytes + this.#payloadLength(bytes, at) : frameHeaderBytes;
    this.#held = Buffer.allocUnsafe(whole);
    this.#heldBytes = bytes.copy(this.#held, 0, at);
  }

  /** Completes the held frame from the bytes; returns how many of them are used up. */
  #fill(held: Buffer, bytes: Buffer, at: number): number {
    const take = (): void => {
      const count = bytes.copy(held, this.#heldBytes, at, Math.min(bytes.length, at + held.length - this.#heldBytes));
      this.#heldBytes += count;
      at += count;
    };
    take();
    if (this.#heldBytes === frameHeaderBytes && held.length === frameHeaderBytes) {
      const whole = frameHeaderBytes + this.#payloadLength(held, 0);
      const header = held;
      held = this.#held = Buffer.allocUnsafe(whole);
      header.copy(held, 0);
      take();
    }
    if (this.#heldBytes < held.length) return bytes.length;
    this.#held = undefined;
    return this.#emit(held, 0, held.length) ? at : bytes.length;
  }

  #emit(bytes: Buffer, at: number, end: number): boolean {
    const type = bytes[at + 3]!;
    const frameFlags = bytes[at + 4]!;
    if (this.#isFirst) {
      this.#isFirst = false;
      if (type !== frameTypes.settings || (frameFlags & 1) !== 0) {
        throw new ConnectionError(errorCodes.PROTOCOL_ERROR, 'The first frame is not SETTINGS.');
      }
    }
    return this.#onFrame(bytes, at + frameHeaderBytes, end, type, frameFlags, readUint31(bytes, at + 5));
  }

  #payloadLength(bytes: Buffer, at: number): number {
    const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    if (length <= this.#maxFrameBytes) return length;
    throw new ConnectionError(
      errorCodes.FRAME_SIZE_ERROR,
      `A frame has ${length} bytes; SETTINGS_MAX_FRAME_SIZE allows ${this.#maxFrameBytes}.`,
    );
  }
}
