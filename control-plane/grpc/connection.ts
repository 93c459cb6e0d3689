/** A client's connection: HTTP/2 over its socket, and the calls on it. */
import type { Socket } from 'node:net';
import { Connection as Http2Connection } from '../../proto/http2/connection.ts';
import { errorCodes } from '../../proto/http2/errors.ts';
import { type Field, field, fieldValue } from '../../proto/http2/field.ts';
import { bindSocket, socketWriter } from '../../proto/http2/socket.ts';
import type { Stream } from '../../proto/http2/stream.ts';
import { encodingOf, ServerCall } from './call.ts';
import { encodings } from './messages.ts';
import type { GrpcServerOptions } from './server.ts';
import { type Refusal, status } from './status.ts';

export class GrpcConnection {
  readonly peer: string;
  readonly #socket: Socket;
  readonly #options: GrpcServerOptions;
  readonly #onClosed: () => void;
  readonly #http2: Http2Connection<ServerCall>;
  #heardAtMs: number;
  #cancelKeepalive: () => void = () => {};
  #closed = false;

  constructor(socket: Socket, options: GrpcServerOptions, onClosed: () => void) {
    const { limits, timers } = options;
    this.peer = `${socket.remoteAddress}:${socket.remotePort}`;
    this.#socket = socket;
    this.#options = options;
    this.#onClosed = onClosed;
    this.#heardAtMs = timers.now();
    this.#http2 = new Http2Connection<ServerCall>({
      role: 'server',
      writer: socketWriter(socket),
      handlers: {
        headers: (stream, fields, endStream) => this.#open(stream, fields, endStream),
        data: (stream, chunk, endStream) => stream.state?.receive(chunk, endStream),
        trailers: (stream) => stream.state?.endReceived(),
        ended: (stream) => stream.state?.cut(),
        reset: (stream) => stream.state?.cut(),
        goAway: () => {},
        closed: () => this.#close(),
      },
      settings: { maxConcurrentStreams: limits.callsPerConnection },
      autoConsume: false,
      now: () => timers.now(),
    });
    bindSocket(socket, this.#http2);
    socket.on('data', () => {
      this.#heardAtMs = timers.now();
    });
    this.#keepAliveIn(limits.keepaliveTimeMs);
  }

  /** The client opens its next calls elsewhere; closes when those that are there are over. */
  goAway(): void {
    this.#http2.drain();
  }

  cut(): void {
    this.#socket.destroy();
  }

  #open(stream: Stream<ServerCall>, fields: readonly Field[], endStream: boolean): void {
    const refused = refusalOf(fields);
    if (typeof refused === 'string') {
      stream.headers([field(':status', refused)], true);
      if (!endStream) stream.reset(errorCodes.NO_ERROR);
      return;
    }
    const { limits, methods, onFault } = this.#options;
    const path = fieldValue(fields, ':path') ?? '';
    const { messageBytes } = limits;
    const call = new ServerCall(stream, fields, {
      peer: this.peer,
      messageBytes,
      onFault: (fault) => onFault(fault, path),
    });
    stream.state = call;
    const method = methods.get(path);
    if (refused !== undefined) {
      call.refuse(refused);
    } else if (method === undefined) {
      call.refuse({ code: status.UNIMPLEMENTED, details: `there is no method ${path} here` });
    } else {
      call.open(method);
      if (endStream) call.endReceived();
    }
  }

  /** Asks for a sign of life after a silence, and cuts a client that gives none. */
  #keepAliveIn(ms: number): void {
    const { timers, limits } = this.#options;
    this.#cancelKeepalive = timers.after(ms, () => {
      const quietMs = timers.now() - this.#heardAtMs;
      if (quietMs < limits.keepaliveTimeMs) {
        this.#keepAliveIn(limits.keepaliveTimeMs - quietMs);
        return;
      }
      this.#cancelKeepalive = timers.after(limits.keepaliveTimeoutMs, () => this.cut());
      this.#http2.ping(() => {
        this.#cancelKeepalive();
        this.#keepAliveIn(limits.keepaliveTimeMs);
      });
    });
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelKeepalive();
    // the last words are not waited for longer than any other answer
    const { timers, limits } = this.#options;
    const cancel = timers.after(limits.keepaliveTimeoutMs, () => this.cut());
    if (this.#socket.destroyed) cancel();
    else this.#socket.once('close', cancel);
    this.#onClosed();
  }
}

/** A status of HTTP for what is no gRPC at all, a refusal for what cannot be understood. */
function refusalOf(fields: readonly Field[]): string | Refusal | undefined {
  if (fieldValue(fields, ':method') !== 'POST') return '405';
  if (!/^application\/grpc(?:[+;]|$)/.test(fieldValue(fields, 'content-type') ?? '')) return '415';
  if (encodingOf(fields) !== undefined) return undefined;
  const details = `grpc-encoding ${fieldValue(fields, 'grpc-encoding')} is not known here; use ${encodings.join(', ')}`;
  return { code: status.UNIMPLEMENTED, details };
}
