/** Where nghttp2, or Node around it, and our server may make different things of a frame, each with the reason. */
import { errorCodes } from '../../../proto/http2/errors.ts';
import type { FieldRecord } from '../../../proto/http2/field.ts';
import { defaultFrameBytes, flags, readUint31, frameTypes as types } from '../../../proto/http2/frames.ts';
import { HpackDecoder } from '../../../proto/http2/hpack-decoder.ts';
import type { Step } from './difference.ts';
import type { RawFrame } from './frames.ts';
import { resetOf, type Seen } from './seen.ts';

/** One step that both see differently. */
interface Case {
  readonly step: Step;
  /** The first frame of it. */
  readonly frame: RawFrame;
  readonly own: Seen;
  readonly oracle: Seen;
  readonly before: readonly RawFrame[];
  readonly ownBefore: readonly Seen[];
  /** Of the step's header block; undefined: there is none that can be decoded. */
  readonly fields: readonly FieldRecord[] | undefined;
}

export interface Excuse {
  readonly why: string;
  readonly applies: (one: Case) => boolean;
}

/** For a server and a client alike. */
const commonExcuses: readonly Excuse[] = [
  {
    why: 'a CONTINUATION of more than SETTINGS_MAX_FRAME_SIZE, which nghttp2 reads',
    applies: ({ step, own }) =>
      own.goAway === errorCodes.FRAME_SIZE_ERROR && step.some(({ length }) => (length ?? 0) > defaultFrameBytes),
  },
  {
    why: 'nghttp2 judges a frame or a header block before all of it is there',
    applies: ({ frame, step, before }) =>
      (frame.type === types.headers && (step.at(-1)!.flags & flags.endHeaders) === 0) ||
      [...before, ...step].some((one) => one.length !== undefined),
  },
  {
    why: 'a PING ACK that nobody waits for, for which Node ends the connection',
    applies: ({ frame, own }) => frame.type === types.ping && isAck(frame) && own.goAway === undefined,
  },
  {
    why: 'a second SETTINGS ACK, for which nghttp2 ends the connection',
    applies: ({ frame, own }) => frame.type === types.settings && isAck(frame) && own.goAway === undefined,
  },
  {
    why: 'nghttp2 looks at the last value of a setting only',
    applies: ({ frame, oracle }) =>
      frame.type === types.settings && frame.payload.length > 6 && oracle.goAway === undefined,
  },
  {
    // such a message is malformed (RFC 9113 section 8.2.1, and 8.3.1 for a path)
    why: 'nghttp2 leaves out a field that is malformed, or takes a path that is',
    applies: ({ fields, frame, own }) =>
      resetOf(own, frame.streamId) !== undefined && fields?.some(({ isWellFormed }) => !isWellFormed) === true,
  },
  {
    // HTTP/1 has none (RFC 9112 section 6.3), and it is passed on as it came
    why: 'nghttp2 takes a content-length with leading zeros',
    applies: ({ fields, frame, own }) =>
      resetOf(own, frame.streamId) !== undefined &&
      fields?.some(({ name, value }) => name === 'content-length' && /^0+\d+$/.test(value)) === true,
  },
  {
    why: 'a PRIORITY that is wrong means nothing to nghttp2, or ends the connection',
    applies: ({ frame }) =>
      frame.type === types.priority &&
      (frame.payload.length !== 5 || frame.streamId === 0 || readUint31(frame.payload, 0) === frame.streamId),
  },
  {
    // RFC 7540 section 5.3.1: an error of the stream
    why: 'a request that depends on itself ends the connection for nghttp2',
    applies: ({ frame, own }) => dependsOnItself(frame) && resetOf(own, frame.streamId) !== undefined,
  },
  {
    // RFC 9113 section 6.9: an error of the stream
    why: "a wrong WINDOW_UPDATE for a stream ends nghttp2's connection",
    applies: ({ frame, own }) => frame.type === types.windowUpdate && resetOf(own, frame.streamId) !== undefined,
  },
  {
    why: 'behind a GOAWAY Node takes no streams',
    applies: ({ before, step }) => [...before, ...step].some((one) => one.type === types.goAway),
  },
  {
    // RFC 9113 section 8.1.1: an error of the stream
    why: "more data than there may be ends nghttp2's connection",
    applies: ({ frame, own, oracle }) =>
      frame.type === types.data &&
      resetOf(own, frame.streamId) === errorCodes.PROTOCOL_ERROR &&
      oracle.goAway !== undefined,
  },
  {
    // RFC 9110 section 6.5.1
    why: 'nghttp2 takes a host, and a content-length that is right, in trailers',
    applies: ({ frame, own, before, fields }) =>
      resetOf(own, frame.streamId) !== undefined &&
      before.some(({ type, streamId }) => type === types.headers && streamId === frame.streamId) &&
      fields?.some(({ name }) => /^(?:host|content-length)$/.test(name)) === true,
  },
  {
    why: 'our bounds for floods are narrower',
    applies: ({ own }) => own.goAway === errorCodes.ENHANCE_YOUR_CALM,
  },
  {
    why: 'a frame for a stream that is over: nghttp2 ignores it, or ends the connection',
    applies: ({ frame, own, before, ownBefore }) =>
      (own.goAway !== undefined || resetOf(own, frame.streamId) !== undefined) &&
      (frame.type === types.data || frame.type === types.headers) &&
      (hasEnded(before, frame.streamId) || ownBefore.some((seen) => resetOf(seen, frame.streamId) !== undefined)),
  },
];

export const serverExcuses: readonly Excuse[] = [
  {
    // whether a request needs one is no matter of the codec
    why: 'a request without authority, which l7 judges',
    applies: ({ fields, own }) =>
      fields !== undefined &&
      own.resets.length === 0 &&
      !fields.some(({ name, value }) => /^(?::authority|host)$/.test(name) && value !== ''),
  },
  ...commonExcuses,
];

export const clientExcuses: readonly Excuse[] = [
  {
    why: 'nghttp2 reads frames of extensions that we have no use for',
    applies: ({ frame, own }) => extensions.includes(frame.type) && own.goAway === undefined,
  },
  {
    why: 'nghttp2 ignores empty DATA before the answer',
    applies: ({ frame, own, oracle }) =>
      frame.type === types.data &&
      resetOf(own, frame.streamId) === errorCodes.PROTOCOL_ERROR &&
      oracle.goAway === undefined,
  },
  {
    // RFC 9110 section 8.6 forbids it, and it does no harm
    why: 'nghttp2 leaves out the content-length of nothing in 204 and informational answers',
    applies: ({ fields, own }) =>
      own.resets.length === 0 &&
      fields?.some(({ name, value }) => name === ':status' && /^(?:204|1\d\d)$/.test(value)) === true &&
      fields.some(({ name, value }) => name === 'content-length' && value === '0'),
  },
  ...commonExcuses,
];

/** ALTSVC, ORIGIN, PRIORITY_UPDATE. */
const extensions = [10, 12, 16];

/** Why both may differ in this step; after it they are not compared any further. */
export function excuseOf(
  excuses: readonly Excuse[],
  steps: readonly Step[],
  at: number,
  own: readonly Seen[],
  oracle: Seen,
): string | undefined {
  const step = steps[at]!;
  const one: Case = {
    ...{ step, frame: step[0]!, own: own[at]!, oracle },
    ...{ before: steps.slice(0, at).flat(), ownBefore: own.slice(0, at), fields: fieldsOf(steps.slice(0, at + 1)) },
  };
  return excuses.find(({ applies }) => applies(one))?.why;
}

function isAck(frame: RawFrame): boolean {
  return (frame.flags & flags.ack) !== 0;
}

function dependsOnItself({ type, flags: bits, streamId, payload }: RawFrame): boolean {
  const at = bits & flags.padded ? 1 : 0;
  if (type !== types.headers || (bits & flags.priority) === 0 || payload.length < at + 5) return false;
  return readUint31(payload, at) === streamId;
}

/** By a frame of the client, or because it has gone on to higher ones. */
function hasEnded(before: readonly RawFrame[], streamId: number): boolean {
  return before.some((one) => {
    if (one.type === types.headers && one.streamId > streamId) return true;
    if (one.streamId !== streamId) return false;
    const mayEnd = one.type === types.data || one.type === types.headers;
    return one.type === types.rstStream || (mayEnd && (one.flags & flags.endStream) !== 0);
  });
}

/** Of the header block in the last step. */
function fieldsOf(steps: readonly Step[]): readonly FieldRecord[] | undefined {
  const decoder = new HpackDecoder({ maxHeaderListBytes: 60 * 1024, maxHeaders: 100 });
  let fields: readonly FieldRecord[] | undefined;
  for (const step of steps) {
    fields = undefined;
    if (step[0]!.type !== types.headers) continue;
    const block = Buffer.concat(step.map(fragmentOf));
    try {
      fields = decoder.decode(block, 0, block.length);
    } catch {
      return undefined;
    }
  }
  return fields;
}

function fragmentOf({ type, flags: bits, payload }: RawFrame): Buffer {
  if (type !== types.headers) return payload;
  const isPadded = (bits & flags.padded) !== 0;
  const start = (isPadded ? 1 : 0) + ((bits & flags.priority) === 0 ? 0 : 5);
  return payload.subarray(start, payload.length - (isPadded ? (payload[0] ?? 0) : 0));
}
