/** Our side of a connection, fed frame by frame: a server that answers what is whole, or a client that has asked. */
import { Connection } from '../../../proto/http2/connection.ts';
import type { Field } from '../../../proto/http2/field.ts';
import { FlushTurn } from '../../../proto/http2/flush-turn.ts';
import { preface } from '../../../proto/http2/frames.ts';
import type { Stream } from '../../../proto/http2/stream.ts';
import { readFrames, settingsAck, settingsFrame, toBytes } from './frames.ts';
import { addAnswers, nothingSeen, type Seen } from './seen.ts';

const answer = [[':status', '200']] as const;

/** Behind them the frames under test come. */
const handshake = Buffer.concat([toBytes(settingsFrame), toBytes(settingsAck)]);

/** Requests that a client has sent: one that is whole, one whose content is to come, and HEAD. */
export const asked = ['GET', 'POST', 'HEAD'] as const;

export class OwnSide {
  readonly connection: Connection;
  #seen = nothingSeen();
  #out: Buffer[] = [];

  constructor(role: 'server' | 'client') {
    const whole = (stream: Stream, isWhole: boolean): void => {
      if (isWhole && role === 'server') stream.headers(answer, true);
    };
    this.connection = new Connection({
      role,
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
    if (role === 'client') for (const method of asked) this.#ask(method);
    this.feed(role === 'server' ? Buffer.concat([preface, handshake]) : handshake);
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

  #ask(method: (typeof asked)[number]): void {
    const fields = [
      ...Object.entries({ ':method': method, ':scheme': 'http', ':path': '/', ':authority': 'a.example' }),
    ];
    this.connection.request(fields, method !== 'POST');
  }
}

/** What a new server, or client, made of each step. */
export function ownStory(role: 'server' | 'client', steps: readonly Buffer[]): Seen[] {
  const side = new OwnSide(role);
  return steps.map((one) => side.feed(one));
}

export function inWords(fields: readonly Field[]): string {
  return fields.map(({ name, value }) => `${name}: ${value}`).join('\n');
}
