/** The question of a health check and what is heard of its answer, on one connection. */
import type net from 'node:net';
import type { ProbeConfig } from '../model/config.ts';
import { BlocksReader } from './blocks-reader.ts';
import { GrpcJudge, grpcQuestion } from './grpc-judge.ts';
import { HttpJudge, http2Question } from './http-judge.ts';
import { Http1Exchange } from './http1-exchange.ts';
import { Http2Exchange } from './http2-exchange.ts';
import { networkFailure, type Outcome, passed } from './outcome.ts';

/** `null`: it cannot be said yet. */
export interface Exchange {
  /** The connection stands. */
  ask(): Outcome | null;
  read(chunk: Buffer): Outcome | null;
  /** The endpoint has ended the connection. */
  ended(): Outcome;
  /** The outcome is known. */
  close(): void;
}

export function exchangeOf(check: ProbeConfig, socket: net.Socket): Exchange {
  if (check.type === 'tcp') return new TcpExchange(check, socket);
  if (check.type === 'grpc') return new Http2Exchange(grpcQuestion(check), new GrpcJudge(), socket);
  const judge = new HttpJudge(check);
  return check.http2 ? new Http2Exchange(http2Question(check), judge, socket) : new Http1Exchange(check, judge, socket);
}

/** That it can be connected to is enough where nothing is expected. */
class TcpExchange implements Exchange {
  readonly #send: Uint8Array | null;
  readonly #blocks: BlocksReader;
  readonly #socket: net.Socket;

  constructor({ send, receive }: Extract<ProbeConfig, { type: 'tcp' }>, socket: net.Socket) {
    this.#send = send;
    this.#blocks = new BlocksReader(receive);
    this.#socket = socket;
  }

  ask(): Outcome | null {
    if (this.#send !== null) this.#socket.write(this.#send);
    return this.#blocks.foundAll ? passed : null;
  }

  read(chunk: Buffer): Outcome | null {
    this.#blocks.read(chunk);
    return this.#blocks.foundAll ? passed : null;
  }

  ended(): Outcome {
    return networkFailure('the connection ended before the expected bytes came');
  }

  close(): void {
    this.#socket.end();
  }
}
