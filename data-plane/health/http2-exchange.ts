/** A health check in HTTP/2: of HTTP, or of gRPC. */
import type net from 'node:net';
import { Connection } from '../../proto/http2/connection.ts';
import { errorCodes } from '../../proto/http2/errors.ts';
import { type Field, fieldValue } from '../../proto/http2/field.ts';
import { socketWriter } from '../../proto/http2/socket.ts';
import type { Exchange } from './exchange.ts';
import type { AnswerJudge, FieldReader, Http2Question } from './http-judge.ts';
import { networkFailure, type Outcome } from './outcome.ts';

const noField = (): undefined => undefined;

export class Http2Exchange implements Exchange {
  readonly #question: Http2Question;
  readonly #judge: AnswerJudge;
  readonly #connection: Connection;
  #outcome: Outcome | null = null;
  #failure = 'the connection ended before the answer';

  constructor(question: Http2Question, judge: AnswerJudge, socket: net.Socket) {
    this.#question = question;
    this.#judge = judge;
    this.#connection = new Connection({
      role: 'client',
      writer: socketWriter(socket),
      handlers: {
        headers: (_stream, fields) => {
          const status = Number(fieldValue(fields, ':status'));
          if (status >= 200) this.#take(() => this.#judge.head(status, readerOf(fields)));
        },
        data: (_stream, chunk) => this.#take(() => this.#judge.data(chunk)),
        trailers: (_stream, fields) => this.#take(() => this.#judge.end(readerOf(fields))),
        ended: () => this.#take(() => this.#judge.end(noField)),
        reset: (_stream, code, cause) => {
          if (cause !== 'connection') this.#take(() => networkFailure(`the stream was reset with code ${code}`));
        },
        goAway: () => {},
        closed: ({ by }) => {
          if (by === 'error') this.#failure = 'the answer is no HTTP/2';
          this.#take(() => this.ended());
        },
      },
    });
  }

  ask(): Outcome | null {
    const { fields, body } = this.#question;
    try {
      const stream = this.#connection.request(fields, body === null);
      if (body !== null) stream?.data(body, true);
      return null;
    } catch (error) {
      if (error instanceof TypeError) return networkFailure(error.message);
      throw error;
    }
  }

  read(chunk: Buffer): Outcome | null {
    this.#connection.receive(chunk);
    return this.#outcome;
  }

  ended(): Outcome {
    return networkFailure(this.#failure);
  }

  close(): void {
    this.#connection.destroy(errorCodes.NO_ERROR, '');
  }

  /** The first outcome stands. */
  #take(judge: () => Outcome | null): void {
    this.#outcome ??= judge();
  }
}

function readerOf(fields: readonly Field[]): FieldReader {
  return (name) => fieldValue(fields, name);
}
