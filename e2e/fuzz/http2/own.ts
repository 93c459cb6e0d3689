/** Our server at a connection, fed frame by frame; it answers each request when it is whole. */
import { Connection } from '../../../proto/http2/connection.ts';
import type { Field } from '../../../proto/http2/field.ts';
import { FlushTurn } from '../../../proto/http2/flush-turn.ts';
import { preface } from '../../../proto/http2/frames.ts';
import type { Stream } from '../../../proto/http2/stream.ts';
import { readFrames, settingsAck, settingsFrame, toBytes } from './frames.ts';
import { addAnswers, nothingSeen, type Seen } from './seen.ts';

const answer = [[':status', '200']] as const;

export class OwnServer {
  readonly connection: Connection;
  #seen = nothingSeen();
  #out: Buffer[] = [];

  constructor() {
    const whole = (stream: Stream, isWhole: boolean): void => {
      if (isWhole) stream.headers(answer, true);
    };
    this.connection = new Connection({
      role: 'server',
      writer: {
        write: (buffers) => {
          this.#out.push(...buffers.map((one) => Buffer.from(one)));
          return 'written';
        },
        close: () => {},
      },
      handlers: {
        headers: (stream, fields, endStream) => {
          this.#seen.told.push(`headers ${stream.id} ${inWords(fields)}`);
          whole(stream, endStream);
        },
        data: (stream, chunk, endStream) => {
          if (chunk.length > 0) this.#seen.told.push(`data ${stream.id} ${chunk.toString('latin1')}`);
          whole(stream, endStream);
        },
        trailers: (stream, fields) => {
          this.#seen.told.push(`trailers ${stream.id} ${inWords(fields)}`);
          whole(stream, true);
        },
        ended: () => {},
        reset: () => {},
        goAway: () => {},
        closed: () => {},
      },
      turn: new FlushTurn(() => {}),
      now: () => 0,
    });
    this.feed(Buffer.concat([preface, toBytes(settingsFrame), toBytes(settingsAck)]));
  }

  /** What came of the bytes. */
  feed(bytes: Buffer): Seen {
    this.#seen = nothingSeen();
    this.#out = [];
    this.connection.receive(bytes);
    this.connection.flushNow();
    addAnswers(this.#seen, readFrames(Buffer.concat(this.#out)).frames);
    return this.#seen;
  }
}

/** What a new server made of each step. */
export function ownStory(steps: readonly Buffer[]): Seen[] {
  const server = new OwnServer();
  return steps.map((one) => server.feed(one));
}

export function inWords(fields: readonly Field[]): string {
  return fields.map(({ name, value }) => `${name}: ${value}`).join('\n');
}
