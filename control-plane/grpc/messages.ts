/** gRPC's messages in a stream of bytes: a flag, a length, the message. Bytes in, whole messages out. */
import { gunzipSync, inflateSync } from 'node:zlib';
import { type Refusal, status } from './status.ts';

const prefixBytes = 5;

/** Flag and length that go before a message of so many bytes, uncompressed. */
export function prefixOf(bytes: number): Buffer {
  const prefix = Buffer.allocUnsafe(prefixBytes);
  prefix[0] = 0;
  prefix.writeUInt32BE(bytes, 1);
  return prefix;
}

export const encodings = ['identity', 'gzip', 'deflate'] as const;
export type Encoding = (typeof encodings)[number];

export class MessageReader {
  readonly #encoding: Encoding;
  readonly #maxBytes: number;
  /** What came stands from `#start` to before `#end`; what stands before it was given out and is not ours any more. */
  #buffer: Buffer = empty;
  #start = 0;
  #end = 0;

  /** `maxBytes`: of one message, before and after decompression. */
  constructor(encoding: Encoding, maxBytes: number) {
    this.#encoding = encoding;
    this.#maxBytes = maxBytes;
  }

  /** Takes over what came; `chunk` may be used again afterwards. */
  push(chunk: Buffer): void {
    const { pending } = this;
    if (this.#end + chunk.length > this.#buffer.length) {
      // room in advance, so that a message in very many pieces is not copied anew with each
      const grown = Buffer.allocUnsafe(pending === 0 ? chunk.length : Math.max(2 * pending, pending + chunk.length));
      this.#buffer.copy(grown, 0, this.#start, this.#end);
      this.#buffer = grown;
      this.#start = 0;
      this.#end = pending;
    }
    chunk.copy(this.#buffer, this.#end);
    this.#end += chunk.length;
  }

  /** Bytes that are not part of a message that was given out. */
  get pending(): number {
    return this.#end - this.#start;
  }

  /** The next message; undefined: more has to come first. A refusal ends the call. */
  next(): Buffer | Refusal | undefined {
    const { pending } = this;
    if (pending < prefixBytes) return undefined;
    const flag = this.#buffer[this.#start];
    const length = this.#buffer.readUInt32BE(this.#start + 1);
    if (flag !== 0 && flag !== 1) return { code: status.INTERNAL, details: `a message has the flag ${flag}` };
    if (length > this.#maxBytes) return this.#tooLarge(length);
    const end = prefixBytes + length;
    if (pending < end) return undefined;
    const message = this.#buffer.subarray(this.#start + prefixBytes, this.#start + end);
    this.#start += end;
    if (pending === end) {
      this.#buffer = empty;
      this.#start = this.#end = 0;
    }
    return flag === 0 ? message : this.#decompressed(message);
  }

  #decompressed(message: Buffer): Buffer | Refusal {
    if (this.#encoding === 'identity') {
      return { code: status.INTERNAL, details: 'a message is compressed, but grpc-encoding does not say how' };
    }
    try {
      const inflate = this.#encoding === 'gzip' ? gunzipSync : inflateSync;
      return inflate(message, { maxOutputLength: this.#maxBytes });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return this.#tooLarge();
      return { code: status.INTERNAL, details: `a message is no ${this.#encoding}` };
    }
  }

  #tooLarge(bytes?: number): Refusal {
    const size = bytes === undefined ? 'A message' : `A message of ${bytes} bytes`;
    return { code: status.RESOURCE_EXHAUSTED, details: `${size} is larger than ${this.#maxBytes} bytes` };
  }
}

const empty = Buffer.alloc(0);
