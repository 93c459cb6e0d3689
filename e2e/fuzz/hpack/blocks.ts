/** Header blocks of one connection under fuzz: read by our decoder, and as requests by a server of node:http2. */
import { ConnectionError } from '../../../proto/http2/errors.ts';
import { frameTypes as types } from '../../../proto/http2/frames.ts';
import { HpackDecoder } from '../../../proto/http2/hpack-decoder.ts';
import { checkRequest } from '../../../proto/http2/messages.ts';
import type { Random } from '../../../proto/http2/testing/wire.ts';
import { blockOf, damaged, dynamicReference, integer, plainPairs, requestOf, tableSize } from '../http2/blocks.ts';
import { toBytes } from '../http2/frames.ts';
import { inStep, NodeServer, settled } from '../http2/oracle.ts';
import { inWords } from '../http2/own.ts';
import type { Seen } from '../http2/seen.ts';
import { withoutRuns } from '../minimise.ts';
import { pick } from '../random.ts';
import type { Subject, Verdict } from '../subject.ts';

/** A header block, or what the decoder's side allows the table from now on, bytes. */
export type BlockStep = Buffer | number;

const wide = { maxHeaderListBytes: 1e9, maxHeaders: 1e9 };
const startTableBytes = 4096;

export const blocks: Subject<readonly BlockStep[]> = {
  name: 'hpack blocks',
  folder: 'proto/http2/corpus/blocks',
  generate(random, corpus) {
    if (corpus.length === 0 || random(6) > 0) return randomSteps(random);
    return pick(random, corpus).map((step) => (random(3) > 0 ? step : changed(random, step)));
  },
  async judge(inputs) {
    const oracle = await nodeDecodes(inputs);
    return inputs.map((steps, i) => {
      try {
        return compare(steps, ownDecodes(steps), oracle[i]!);
      } catch (error) {
        return { problem: `threw: ${String(error)}`, counted: 'problem', own: 'refuses' };
      }
    });
  },
  *neighbours(input) {
    for (const [at, step] of input.entries()) {
      if (typeof step === 'number') continue;
      for (const block of nearBlocks(step)) yield [...input.slice(0, at), block, ...input.slice(at + 1)];
    }
  },
  *simpler(input) {
    yield* withoutRuns(input);
    for (const [at, step] of input.entries()) {
      if (typeof step === 'number') continue;
      for (const less of withoutRuns([...step])) {
        yield [...input.slice(0, at), Buffer.from(less), ...input.slice(at + 1)];
      }
    }
  },
  parser(input) {
    const decoder = new HpackDecoder(wide);
    readSteps(decoder, input ?? []);
    return decoder;
  },
  bytes: (input) => input.reduce<number>((sum, step) => sum + (typeof step === 'number' ? 0 : step.length), 0),
  read: (entry) => {
    const steps = entry['steps'] as (string | number)[];
    return steps.map((step) => (typeof step === 'number' ? step : Buffer.from(step.replaceAll(' ', ''), 'hex')));
  },
  write: (input) => ({ steps: input.map((step) => (typeof step === 'number' ? step : step.toString('hex'))) }),
};

function randomSteps(random: Random): BlockStep[] {
  return Array.from({ length: 1 + random(6) }, () => {
    if (random(12) === 0) return pick(random, [0, 50, 100, 200, startTableBytes, 65_536]);
    const parts = [blockOf(random, requestOf(random, 'GET', plainPairs(random, 4)))];
    if (random(4) === 0) parts.unshift(tableSize(random));
    if (random(30) === 0) parts.unshift(tableSize(random));
    for (let more = random(4) === 0 ? random(4) : 0; more > 0; more--) parts.push(dynamicReference(random));
    if (random(60) === 0) parts.push(tableSize(random));
    if (random(60) === 0) parts.push(...Array<Buffer>(random(3_000)).fill(dynamicReference(random)));
    if (random(60) === 0) parts.push(integer(pick(random, [0x80, 0x40, 0x10, 0]), 4, random(2 ** 30)));
    return random(12) === 0 ? damaged(random, Buffer.concat(parts)) : Buffer.concat(parts);
  });
}

function changed(random: Random, step: BlockStep): BlockStep {
  return typeof step === 'number' ? pick(random, [0, 64, startTableBytes]) : damaged(random, step);
}

function* nearBlocks(block: Buffer): Generator<Buffer> {
  for (let at = 0; at < block.length; at++) {
    const [before, behind] = [block.subarray(0, at), block.subarray(at + 1)];
    yield Buffer.concat([before, behind]);
    for (const byte of [0, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0xff, block[at]! ^ 0x80, block[at]! + 1]) {
      yield Buffer.concat([before, Buffer.from([byte & 255]), behind]);
    }
  }
}

/** What a block says, in words; `broken`: the connection has to end. */
interface Decoded {
  readonly words: string;
  /** They are a request, so that an HTTP/2 server tells of them. */
  readonly isRequest: boolean;
}
type Outcome = Decoded | 'broken' | 'allowed';

function ownDecodes(steps: readonly BlockStep[]): Outcome[] {
  return readSteps(new HpackDecoder(wide), steps);
}

function readSteps(decoder: HpackDecoder, steps: readonly BlockStep[]): Outcome[] {
  const outcomes: Outcome[] = [];
  for (const step of steps) {
    if (typeof step === 'number') {
      decoder.allowTable(step);
      outcomes.push('allowed');
      continue;
    }
    try {
      const fields = decoder.decode(step, 0, step.length) ?? [];
      const hasAuthority = fields.some(({ name }) => name === ':authority' || name === 'host');
      const isRequest = hasAuthority && checkRequest(fields, false).problem === undefined;
      outcomes.push({ words: inWords(fields), isRequest });
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      outcomes.push('broken');
      break;
    }
  }
  return outcomes;
}

const options = {
  settings: { headerTableSize: startTableBytes, maxConcurrentStreams: 1_000, maxHeaderListSize: 2 ** 31 - 1 },
  maxHeaderListPairs: 100_000,
};

async function nodeDecodes(inputs: readonly (readonly BlockStep[])[]): Promise<Seen[][]> {
  const servers = inputs.map(() => new NodeServer(options));
  const stories: Seen[][] = inputs.map(() => []);
  const streamIds = inputs.map(() => 1);
  await settled();
  for (const server of servers) server.duplex.frames();
  await inStep(
    inputs,
    (step, i) => {
      const server = servers[i]!;
      if (typeof step === 'number') {
        server.allowTable(step);
      } else {
        const streamId = streamIds[i]!;
        streamIds[i] = streamId + 2;
        server.feed(toBytes({ type: types.headers, flags: 5, streamId, payload: step }));
      }
    },
    (_, i) => stories[i]!.push(servers[i]!.seen),
  );
  for (const server of servers) server.close();
  await settled();
  return stories;
}

const compressionError = 9;

function compare(steps: readonly BlockStep[], own: readonly Outcome[], oracle: readonly Seen[]): Verdict {
  for (const [at, ours] of own.entries()) {
    const theirs = oracle[at]!;
    const isBroken = theirs.goAway === compressionError;
    if (ours === 'broken' && isBroken) return { problem: undefined, counted: 'both refuse', own: 'refuses' };
    if (ours === 'broken') return verdictOf(`broken: only for us (step ${at + 1})`, own);
    if (isBroken) {
      const isShrunk = needsUpdate(steps.slice(0, at), steps[at]!);
      if (!isShrunk) return verdictOf(`broken: only for nghttp2 (step ${at + 1})`, own);
      return { problem: undefined, counted: 'both differ: a smaller table that is not confirmed', own: 'accepts' };
    }
    if (ours === 'allowed' || !ours.isRequest) continue;
    const words = theirs.told[0]?.replace(/^headers \d+ /, '') ?? 'nothing';
    if (words !== ours.words) {
      return verdictOf(
        `fields: ours ${JSON.stringify(ours.words)}, nghttp2 ${JSON.stringify(words)} (step ${at + 1})`,
        own,
      );
    }
  }
  return { problem: undefined, counted: 'both accept', own: 'accepts' };
}

function verdictOf(problem: string, own: readonly Outcome[]): Verdict {
  return { problem, counted: 'problem', own: own.at(-1) === 'broken' ? 'refuses' : 'accepts' };
}

/**
 * The table was made smaller since the last block, and this one does not begin with a size that fits. nghttp2 insists
 * on that; we go on with the smaller table, in which the same places mean the same fields or none.
 */
function needsUpdate(before: readonly BlockStep[], block: BlockStep): boolean {
  const lastBlock = before.findLastIndex((step) => typeof step !== 'number');
  const allowed = before.slice(lastBlock + 1).filter((step) => typeof step === 'number');
  return allowed.length > 0 && typeof block !== 'number' && firstSize(block) > Math.min(...allowed);
}

/** To which the block sets the table first; infinite: it does not. */
function firstSize(block: Buffer): number {
  const [first = 0, ...rest] = block;
  if ((first & 0xe0) !== 0x20) return Number.POSITIVE_INFINITY;
  if (first < 0x3f) return first & 31;
  const last = rest.findIndex((byte) => byte < 128);
  return rest.slice(0, last + 1).reduceRight((size, byte) => size * 128 + (byte & 127), 0) + 31;
}
