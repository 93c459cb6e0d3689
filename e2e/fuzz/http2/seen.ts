/** What a server has made of one frame: what it told its user, and how it answered. */
import { frameTypes } from '../../../proto/http2/frames.ts';
import type { RawFrame } from './frames.ts';

export interface Seen {
  /** `headers 1 :method: GET …`, `data 1 text`, `trailers 1 …`, in their order. */
  readonly told: string[];
  /** Streams that a server has answered because the request was whole. */
  readonly answered: number[];
  readonly resets: { readonly streamId: number; readonly code: number }[];
  /** Code of the connection's end; undefined: it goes on. */
  goAway: number | undefined;
}

export function nothingSeen(): Seen {
  return { told: [], answered: [], resets: [], goAway: undefined };
}

/** Adds what the frames that a server wrote say. */
export function addAnswers(seen: Seen, frames: readonly RawFrame[]): void {
  for (const { type, streamId, payload } of frames) {
    if (type === frameTypes.headers) seen.answered.push(streamId);
    else if (type === frameTypes.rstStream) seen.resets.push({ streamId, code: payload.readUInt32BE() });
    else if (type === frameTypes.goAway && payload.readUInt32BE(4) !== 0) seen.goAway = payload.readUInt32BE(4);
  }
}

/** Code of the last reset of the stream. */
export function resetOf({ resets }: Seen, streamId: number): number | undefined {
  return resets.findLast((one) => one.streamId === streamId)?.code;
}
