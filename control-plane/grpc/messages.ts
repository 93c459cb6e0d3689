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
  #rest: Buffer = empty;

  /** `maxBytes`: of one message, before and after decompression. */
  constructor(encoding: Encoding, maxBytes: number) {
    this.#encoding = encoding;
    this.#maxBytes = maxBytes;
  }

  /** Takes over what came; `chunk` may be used again afterwards. */
  push(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
  }

  /** Bytes that are not part of a message that was given out. */
  get pending(): number {
    return this.#rest.length;
  }

  /** The next message; undefined: more has to come first. A refusal ends the call. */
  next(): Buffer | Refusal | undefined {
    const rest = this.#rest;
    if (rest.length < prefixBytes) return undefined;
    const flag = rest[0];
    const length = rest.readUInt32BE(1);
    if (flag !== 0 && flag !== 1) return { code: status.INTERNAL, details: `a message has the flag ${flag}` };
    if (length > this.#maxBytes) return this.#tooLarge(length);
    const end = prefixBytes + length;
    if (rest.length < end) return undefined;
    const message = rest.subarray(prefixBytes, end);
    this.#rest = rest.length === end ? empty : rest.subarray(end);
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
