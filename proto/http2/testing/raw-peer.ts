/** One connection under test, and a peer that writes its frames by hand and sees every frame that comes back. */
import { Connection, type ConnectionOptions } from '../connection.ts';
import type { Field, FieldLike } from '../field.ts';
import { FlushTurn } from '../flush-turn.ts';
import { frameTypes, preface, readUint31, writeFrameHeader } from '../frames.ts';
import { HpackDecoder } from '../hpack-decoder.ts';
import { encoded, HpackEncoder } from '../hpack-encoder.ts';
import type { WriteResult } from '../output.ts';
import type { Closed, Handlers, ResetCause, Stream } from '../stream.ts';

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** What the handlers were told, in order. */
export type Told =
  | { readonly what: 'headers' | 'trailers'; readonly id: number; readonly fields: readonly string[]; end?: boolean }
  | { readonly what: 'data'; readonly id: number; readonly text: string; readonly end: boolean }
  | { readonly what: 'ended'; readonly id: number }
  | { readonly what: 'reset'; readonly id: number; readonly code: number; readonly cause: ResetCause }
  | { readonly what: 'goAway'; readonly lastStreamId: number; readonly code: number }
  | { readonly what: 'closed'; readonly by: Closed['by']; readonly code: number };

type Settled = Omit<ConnectionOptions<unknown>, 'role' | 'writer' | 'handlers' | 'turn' | 'now'>;

export function frame(type: number, flags: number, streamId: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  writeFrameHeader(bytes, 0, payload.length, type, flags, streamId);
  payload.copy(bytes, 9);
  return bytes;
}

export function uint32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value, i * 4);
  });
  return bytes;
}

export class RawPeer {
  readonly connection: Connection;
  readonly told: Told[] = [];
  readonly streams = new Map<number, Stream>();
  /** What the writer says to each write. */
  writeResult: WriteResult = 'written';
  writes = 0;
  onHeaders: () => void = () => {};
  onWrite: (buffers: readonly Buffer[]) => void = () => {};
  isWriterClosed = false;
  nowMs = 0;
  readonly encoder = new HpackEncoder();
  readonly #decoder = new HpackDecoder({ maxHeaderListBytes: 1e9, maxHeaders: 1e9 });
  #out: Buffer = Buffer.alloc(0);

  /** A peer that has shaken hands, so that only what follows is in `frames()`. */
  constructor(role: 'server' | 'client', options: Settled = {}, shakeHands = true) {
    this.connection = new Connection<unknown>({
      ...options,
      role,
      writer: {
        write: (buffers) => {
          this.writes++;
          this.onWrite(buffers);
          this.#out = Buffer.concat([this.#out, ...buffers]);
          return this.writeResult;
        },
        close: () => {
          this.isWriterClosed = true;
        },
      },
      handlers: this.#handlers(),
      turn: new FlushTurn(() => {}),
      now: () => this.nowMs,
    });
    if (!shakeHands) return;
    this.send(
      ...(role === 'server' ? [preface] : []),
      frame(frameTypes.settings, 0, 0),
      frame(frameTypes.settings, 1, 0),
    );
    if (role === 'client') this.#skipPreface();
    this.frames();
  }

  send(...parts: Buffer[]): void {
    this.connection.receive(Buffer.concat(parts));
  }

  block(fields: readonly FieldLike[]): Buffer {
    return Buffer.from(encoded.subarray(0, this.encoder.encode(fields)));
  }

  headers(streamId: number, fields: readonly FieldLike[], endStream: boolean): Buffer {
    const block = this.block(fields);
    return frame(frameTypes.headers, endStream ? 5 : 4, streamId, block);
  }

  get(streamId: number): Buffer {
    return this.headers(streamId, getFields, true);
  }

  post(streamId: number): Buffer {
    return this.headers(streamId, [[':method', 'POST'], ...getFields.slice(1)], false);
  }

  /** What has been written since the last call, flushed. */
  frames(): Frame[] {
    this.connection.flushNow();
    const frames: Frame[] = [];
    let at = 0;
    while (at < this.#out.length) {
      const end = at + 9 + this.#out.readUIntBE(at, 3);
      const [type, flags] = [this.#out[at + 3]!, this.#out[at + 4]!];
      frames.push({ type, flags, streamId: readUint31(this.#out, at + 5), payload: this.#out.subarray(at + 9, end) });
      at = end;
    }
    this.#out = Buffer.alloc(0);
    return frames;
  }

  /** The frames in words: `RST_STREAM 1 code 8`. */
  words(): string[] {
    return this.frames().map((one) => this.#inWords(one));
  }

  #inWords({ type, flags, streamId, payload }: Frame): string {
    switch (type) {
      case frameTypes.data:
        return `DATA ${streamId} ${payload.length}${flags & 1 ? ' end' : ''}`;
      case frameTypes.headers: {
        const fields = this.#decoder.decode(payload, 0, payload.length) ?? [];
        return `HEADERS ${streamId} ${fields.map(inWords).join(', ')}${flags & 1 ? ' end' : ''}`;
      }
      case frameTypes.rstStream:
        return `RST_STREAM ${streamId} code ${payload.readUInt32BE()}`;
      case frameTypes.goAway:
        return `GOAWAY last ${payload.readUInt32BE()} code ${payload.readUInt32BE(4)}`;
      case frameTypes.windowUpdate:
        return `WINDOW_UPDATE ${streamId} ${payload.readUInt32BE()}`;
      case frameTypes.ping:
        return `PING${flags & 1 ? ' ACK' : ''} ${payload.toString('hex')}`;
      case frameTypes.settings:
        return flags & 1 ? 'SETTINGS ACK' : `SETTINGS ${payload.length}`;
      default:
        return `type ${type}`;
    }
  }

  #skipPreface(): void {
    this.connection.flushNow();
    this.#out = this.#out.subarray(preface.length);
  }

  #handlers(): Handlers<unknown> {
    return {
      headers: (stream, fields, end) => {
        this.onHeaders();
        this.streams.set(stream.id, stream);
        this.told.push({ what: 'headers', id: stream.id, fields: fields.map(inWords), end });
      },
      data: ({ id }, chunk, end) => this.told.push({ what: 'data', id, text: chunk.toString('latin1'), end }),
      trailers: ({ id }, fields) => this.told.push({ what: 'trailers', id, fields: fields.map(inWords) }),
      ended: ({ id }) => this.told.push({ what: 'ended', id }),
      reset: ({ id }, code, cause) => this.told.push({ what: 'reset', id, code, cause }),
      goAway: (lastStreamId, code) => this.told.push({ what: 'goAway', lastStreamId, code }),
      closed: ({ by, code }) => this.told.push({ what: 'closed', by, code }),
    };
  }
}

const getFields: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a.example'],
];

function inWords(one: Field): string {
  return `${one.name}: ${one.value}`;
}
