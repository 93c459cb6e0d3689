/** One call as it stands on a stream of HTTP/2: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. */
import { errorCodes } from '../../proto/http2/errors.ts';
import { type Field, field, fieldValue, sharedField } from '../../proto/http2/field.ts';
import type { Stream } from '../../proto/http2/stream.ts';
import { type Encoding, encodings, MessageReader, prefixOf } from './messages.ts';
import type { CallHandler, GrpcCall, Method } from './method.ts';
import { percentEncode, type Refusal, status } from './status.ts';

const responseFields = [
  sharedField(':status', '200'),
  sharedField('content-type', 'application/grpc'),
  sharedField('grpc-accept-encoding', encodings.join(',')),
];
const statusOk = sharedField('grpc-status', '0');

export interface CallOptions {
  readonly peer: string;
  /** Of one message from the client, bytes. */
  readonly messageBytes: number;
  readonly onFault: (fault: unknown) => void;
}

export class ServerCall implements GrpcCall {
  readonly #stream: Stream<ServerCall>;
  readonly #fields: readonly Field[];
  readonly #options: CallOptions;
  readonly #reader: MessageReader;
  #handler: CallHandler | undefined;
  #paused = false;
  /** The client has said all; the handler hears of it behind the last message. */
  #isEndReceived = false;
  #isEndTold = false;
  #isHeadSent = false;
  #isOver = false;
  /** Bytes of the stream that are not given back to its window yet. */
  #heldBytes = 0;

  /** `fields`: of the request. */
  constructor(stream: Stream<ServerCall>, fields: readonly Field[], options: CallOptions) {
    this.#stream = stream;
    this.#fields = fields;
    this.#options = options;
    this.#reader = new MessageReader(encodingOf(fields) ?? 'identity', options.messageBytes);
  }

  get peer(): string {
    return this.#options.peer;
  }

  header(name: string): string | undefined {
    return fieldValue(this.#fields, name);
  }

  /** Once, before anything else. */
  open(method: Method): void {
    this.#guarded(() => {
      this.#handler = method(this);
    });
  }

  receive(chunk: Buffer, endStream: boolean): void {
    if (this.#isOver) return;
    this.#reader.push(chunk);
    this.#heldBytes += chunk.length;
    this.#isEndReceived ||= endStream;
    this.#give();
  }

  endReceived(): void {
    this.#isEndReceived = true;
    this.#give();
  }

  /** The stream is over, or the connection. */
  cut(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#guarded(() => this.#handler?.closed());
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#give();
  }

  send(parts: readonly Uint8Array[], taken: () => void): void {
    if (this.#isOver) return;
    this.#sendHead();
    const buffers = parts.map(asBuffer);
    const bytes = buffers.reduce((sum, { length }) => sum + length, 0);
    this.#stream.data([prefixOf(bytes), ...buffers], false, taken);
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#finish([statusOk]);
  }

  refuse({ code, details, retryMs }: Refusal): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const fields = [field('grpc-status', String(code)), field('grpc-message', percentEncode(details))];
    if (retryMs !== undefined) fields.push(field('grpc-retry-pushback-ms', String(retryMs)));
    this.#finish(fields);
  }

  #sendHead(): void {
    if (this.#isHeadSent) return;
    this.#isHeadSent = true;
    this.#stream.headers(responseFields, false);
  }

  #finish(fields: readonly Field[]): void {
    if (this.#isHeadSent) this.#stream.trailers(fields);
    else this.#stream.headers([...responseFields, ...fields], true);
    // what the client still says is of no use to anybody (RFC 9113 section 8.1)
    this.#stream.consumed(this.#heldBytes);
    this.#stream.autoConsume = true;
    if (this.#stream.isEndSent && !this.#stream.isEndReceived) this.#stream.reset(errorCodes.NO_ERROR);
    this.#guarded(() => this.#handler?.closed());
  }

  /** Gives out what is there, until it is paused or over. */
  #give(): void {
    while (!this.#paused && !this.#isOver) {
      const message = this.#reader.next();
      if (message === undefined) break;
      if ('code' in message) this.refuse(message);
      else this.#guarded(() => this.#handler?.message(message));
    }
    if (this.#isOver || this.#paused) return;
    this.#stream.consumed(this.#heldBytes);
    this.#heldBytes = 0;
    if (!this.#isEndReceived || this.#isEndTold) return;
    this.#isEndTold = true;
    if (this.#reader.pending > 0) {
      this.refuse({ code: status.INTERNAL, details: 'the call ended in the middle of a message' });
    } else {
      this.#guarded(() => this.#handler?.halfClosed());
    }
  }

  #guarded(run: () => void): void {
    try {
      run();
    } catch (fault) {
      this.#options.onFault(fault);
      this.refuse({ code: status.INTERNAL, details: 'the server failed on this call; its log has the cause' });
    }
  }
}

/** Undefined: one that is not known here. */
export function encodingOf(fields: readonly Field[]): Encoding | undefined {
  const said = fieldValue(fields, 'grpc-encoding') ?? 'identity';
  return encodings.find((one) => one === said);
}

function asBuffer(part: Uint8Array): Buffer {
  return Buffer.isBuffer(part) ? part : Buffer.from(part.buffer, part.byteOffset, part.byteLength);
}
