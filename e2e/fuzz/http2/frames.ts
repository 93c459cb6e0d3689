/** Frames as people can read and write them: `HEADERS 05 1 828684`, type, flags, stream, payload, all but the names hexadecimal. */
import { frameTypes, readUint31, writeFrameHeader } from '../../../proto/http2/frames.ts';

export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
  /** Said in its header, where that is not the length of the payload. */
  readonly length?: number;
}

const names = new Map<string, number>([
  ['DATA', frameTypes.data],
  ['HEADERS', frameTypes.headers],
  ['PRIORITY', frameTypes.priority],
  ['RST_STREAM', frameTypes.rstStream],
  ['SETTINGS', frameTypes.settings],
  ['PUSH_PROMISE', frameTypes.pushPromise],
  ['PING', frameTypes.ping],
  ['GOAWAY', frameTypes.goAway],
  ['WINDOW_UPDATE', frameTypes.windowUpdate],
  ['CONTINUATION', frameTypes.continuation],
]);
const nameOf = new Map([...names].map(([name, type]) => [type, name]));

export function toText({ type, flags, streamId, payload, length }: RawFrame): string {
  const words = [nameOf.get(type) ?? `TYPE${type}`, flags.toString(16).padStart(2, '0'), `${streamId}`];
  if (payload.length > 0) words.push(payload.toString('hex'));
  if (length !== undefined) words.push(`length ${length}`);
  return words.join(' ');
}

/** @throws Error if it is not written as above */
export function fromText(text: string): RawFrame {
  const parts = /^(?:([A-Z_]+)|TYPE(\d+)) ([0-9a-f]{2}) (\d+)(?: ([0-9a-f]+))?(?: length (\d+))?$/.exec(text);
  const type = parts?.[1] === undefined ? Number(parts?.[2]) : names.get(parts[1]);
  if (parts === null || type === undefined) throw new Error(`"${text}" is no frame; write "HEADERS 05 1 828684".`);
  const frame = { type, flags: Number.parseInt(parts[3]!, 16), streamId: Number(parts[4]) };
  const payload = Buffer.from(parts[5] ?? '', 'hex');
  return parts[6] === undefined ? { ...frame, payload } : { ...frame, payload, length: Number(parts[6]) };
}

export function toBytes({ type, flags, streamId, payload, length }: RawFrame): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  writeFrameHeader(bytes, 0, length ?? payload.length, type, flags, streamId);
  payload.copy(bytes, 9);
  return bytes;
}

/** Whole frames at the beginning of the bytes, and what lies behind them. */
export function readFrames(bytes: Buffer): { readonly frames: RawFrame[]; readonly rest: Buffer } {
  const frames: RawFrame[] = [];
  let at = 0;
  while (at + 9 <= bytes.length && at + 9 + bytes.readUIntBE(at, 3) <= bytes.length) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    const [type, flags] = [bytes[at + 3]!, bytes[at + 4]!];
    frames.push({ type, flags, streamId: readUint31(bytes, at + 5), payload: bytes.subarray(at + 9, end) });
    at = end;
  }
  return { frames, rest: bytes.subarray(at) };
}

export const settingsFrame: RawFrame = { type: frameTypes.settings, flags: 0, streamId: 0, payload: Buffer.alloc(0) };
export const settingsAck: RawFrame = { ...settingsFrame, flags: 1 };
