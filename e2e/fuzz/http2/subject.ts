/** Frames under fuzz: a connection's worth of them, read by our server or client and by that of node:http2. */
import { type Random, seededRandom } from '../../../proto/http2/testing/wire.ts';
import { withoutRuns } from '../minimise.ts';
import { pick } from '../random.ts';
import type { Subject, Verdict } from '../subject.ts';
import { randomAnswers } from './answers.ts';
import { compare, stepsOf } from './difference.ts';
import { clientExcuses, type Excuse, serverExcuses } from './excuses.ts';
import { fromText, type RawFrame, toBytes, toText } from './frames.ts';
import { randomFrames, wrong } from './grammar.ts';
import { nodeStories } from './oracle.ts';
import { OwnSide, ownStory } from './own.ts';
import type { Seen } from './seen.ts';

/** What a client sends behind its preface, its SETTINGS and its SETTINGS ACK. */
export const frames = subjectOf('server', 'http2 frames', 'proto/http2/corpus/frames', randomFrames, serverExcuses);

/** What a server sends behind its SETTINGS and its SETTINGS ACK to a client that has sent the requests of `asked`. */
export const answers = subjectOf('client', 'http2 answers', 'proto/http2/corpus/answers', randomAnswers, clientExcuses);

function subjectOf(
  role: 'server' | 'client',
  name: string,
  folder: string,
  fresh: (random: Random) => RawFrame[],
  excuses: readonly Excuse[],
): Subject<readonly RawFrame[]> {
  return {
    name,
    folder,
    generate(random, corpus) {
      if (corpus.length === 0 || random(10) > 1) return fresh(random);
      const frames = [...pick(random, corpus)];
      for (let changes = 1 + random(2); changes > 0; changes--) {
        const at = random(frames.length + 1);
        const other = random(2) === 0 ? fresh(random).slice(0, 2) : [wrong(random, frames[at] ?? frames[0]!)];
        frames.splice(at, random(2), ...other);
      }
      return frames;
    },
    async judge(inputs) {
      const steps = inputs.map(stepsOf);
      const bytes = steps.map((some) => some.map((one) => Buffer.concat(one.map(toBytes))));
      const oracle = await nodeStories(role, bytes);
      return inputs.map((_, i): Verdict => {
        try {
          const own = ownStory(role, bytes[i]!);
          const cut = cutProblem(role, bytes[i]!, own);
          if (cut !== undefined) return { problem: cut, counted: 'problem', own: 'refuses' };
          const isRefused = own.some(({ goAway, resets }) => goAway !== undefined || resets.length > 0);
          return { ...compare(steps[i]!, own, oracle[i]!, excuses), own: isRefused ? 'refuses' : 'accepts' };
        } catch (error) {
          return { problem: `threw: ${String(error)}`, counted: 'problem', own: 'refuses' };
        }
      });
    },
    *neighbours(input) {
      for (let at = 0; at < input.length; at++) {
        const [before, one, behind] = [input.slice(0, at), input[at]!, input.slice(at + 1)];
        yield [...before, ...behind];
        yield [...before, one, one, ...behind];
        for (let bit = 0; bit < 8; bit++) yield [...before, { ...one, flags: one.flags ^ (1 << bit) }, ...behind];
        for (const streamId of [0, 1, 2, 3, 99]) yield [...before, { ...one, streamId }, ...behind];
        for (const payload of [
          one.payload.subarray(1),
          one.payload.subarray(0, -1),
          Buffer.concat([one.payload, Buffer.alloc(1)]),
        ]) {
          yield [...before, { ...one, payload }, ...behind];
        }
      }
    },
    *simpler(input) {
      yield* withoutRuns(input);
      for (let at = 0; at < input.length; at++) {
        const one = input[at]!;
        const smaller = [...withoutRuns([...one.payload])].map((bytes) => ({ ...one, payload: Buffer.from(bytes) }));
        const plainer = one.flags === 0 ? [] : [1, 4, 8, 32].map((bit) => ({ ...one, flags: one.flags & ~bit }));
        for (const candidate of [...plainer.filter(({ flags }) => flags !== one.flags), ...smaller]) {
          yield [...input.slice(0, at), candidate, ...input.slice(at + 1)];
        }
      }
    },
    parser(input) {
      const side = new OwnSide(role);
      for (const one of input ?? []) side.feed(toBytes(one));
      return side;
    },
    bytes: (input) => input.reduce((sum, { payload }) => sum + 9 + payload.length, 0),
    read: (entry) => (entry['frames'] as string[]).map(fromText),
    write: (input) => ({ frames: input.map(toText) }),
  };
}

/** The same bytes in other pieces have to come to the same. */
function cutProblem(role: 'server' | 'client', steps: readonly Buffer[], own: readonly Seen[]): string | undefined {
  const all = Buffer.concat(steps);
  const random = seededRandom(all.length + 1);
  const pieces: Buffer[] = [];
  for (let at = 0; at < all.length; ) {
    const length = 1 + random(12);
    pieces.push(all.subarray(at, at + length));
    at += length;
  }
  const [whole, cut] = [inAll(own), inAll(ownStory(role, pieces))];
  return whole === cut ? undefined : `cuts: ${whole} in frames, ${cut} in pieces`;
}

function inAll(seen: readonly Seen[]): string {
  const [told, answered] = [seen.flatMap((one) => one.told), seen.flatMap((one) => one.answered)];
  const resets = seen.flatMap((one) => one.resets);
  return JSON.stringify({ told, answered, resets, goAway: seen.find((one) => one.goAway !== undefined)?.goAway });
}
