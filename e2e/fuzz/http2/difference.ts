/** When two servers have made the same of a connection's frames. */
import { flags, frameTypes as types } from '../../../proto/http2/frames.ts';
import { type Excuse, excuseOf } from './excuses.ts';
import type { RawFrame } from './frames.ts';
import { resetOf, type Seen } from './seen.ts';

export interface Compared {
  readonly problem: string | undefined;
  readonly counted: string;
}

/** Frames that only mean something together: a header block with its CONTINUATIONs, or a single one. */
export type Step = readonly RawFrame[];

export function stepsOf(frames: readonly RawFrame[]): Step[] {
  const steps: RawFrame[][] = [];
  let isOpen = false;
  for (const one of frames) {
    if (isOpen) steps.at(-1)!.push(one);
    else steps.push([one]);
    const carries: boolean = one.type === types.headers || (isOpen && one.type === types.continuation);
    isOpen = carries && (one.flags & flags.endHeaders) === 0;
  }
  return steps;
}

/** Step by step, up to the first one of which both do not make the same. */
export function compare(
  steps: readonly Step[],
  own: readonly Seen[],
  oracle: readonly Seen[],
  excuses: readonly Excuse[],
): Compared {
  for (let at = 0; at < steps.length; at++) {
    const ours = own[at]!;
    const theirs = oracle[at]!;
    const what = differenceOf(ours, theirs);
    if (what !== undefined) {
      const excuse = excuseOf(excuses, steps, at, own, theirs);
      if (excuse !== undefined) return { problem: undefined, counted: `both differ: ${excuse}` };
      return { problem: `${what} (step ${at + 1})`, counted: 'problem' };
    }
    if (ours.goAway !== undefined) {
      const isSame = ours.goAway === theirs.goAway;
      return { problem: undefined, counted: `both end the connection${isSame ? '' : ', with other codes'}` };
    }
  }
  const isReset = own.some((one) => one.resets.length > 0);
  return { problem: undefined, counted: isReset ? 'both reset a stream' : 'both accept' };
}

function differenceOf(own: Seen, oracle: Seen): string | undefined {
  const [ours, theirs] = [classOf(own), classOf(oracle)];
  if (ours !== theirs) return `class: ours ${ours}, nghttp2 ${theirs}`;
  if (own.goAway !== undefined) return undefined;
  // data before the fault may have been told
  const isGoing = (line: string): boolean => resetOf(own, Number(line.split(' ', 2)[1])) === undefined;
  const told = [own, oracle].map((one) => one.told.filter(isGoing).join('\n\n'));
  if (told[0] !== told[1]) return `told: ours ${JSON.stringify(told[0])}, nghttp2 ${JSON.stringify(told[1])}`;
  if (own.answered.join() !== oracle.answered.join()) {
    return `whole: ours ${own.answered.join() || 'none'}, nghttp2 ${oracle.answered.join() || 'none'}`;
  }
  return undefined;
}

/** The connection ends, streams do, or nothing does. */
function classOf({ goAway, resets }: Seen): string {
  if (goAway !== undefined) return 'GOAWAY';
  const streams = [...new Set(resets.map(({ streamId }) => streamId))].sort((a, b) => a - b);
  return streams.map((id) => `RST_STREAM ${id}`).join() || 'goes on';
}
