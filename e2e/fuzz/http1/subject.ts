/** HTTP/1 under fuzz: streams of requests and single answers, each read by us and by llhttp. */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { type Random, seededRandom } from '../../../proto/http2/testing/wire.ts';
import { repository } from '../../support/source-tree.ts';
import { withoutRuns } from '../minimise.ts';
import { pick } from '../random.ts';
import type { Subject, Verdict } from '../subject.ts';
import { randomRequests, randomResponse } from './grammar.ts';
import { mutate, neighbours } from './mutate.ts';
import { type Answer, readRequests, readResponses } from './oracle.ts';
import { RequestStory, ResponseStory } from './own.ts';
import { cutDifference, difference, type Message, type Told } from './told.ts';

interface Story {
  readonly told: Told;
  readonly messages: Message[];
  read(piece: Buffer): void;
  /** Nothing more comes. */
  end(): void;
}

const hostile = JSON.parse(readFileSync(path.join(repository, 'e2e/data/http1-hostile.json'), 'utf8')) as {
  readonly bytes: string;
}[];
const hostileBytes = hostile.map(({ bytes }) => bytes).filter((bytes) => bytes.length < 2_000);

/** Streams of requests, Latin-1. */
export const requests: Subject<string> = {
  name: 'http1 requests',
  folder: 'data-plane/codec/corpus/requests',
  generate: (random, corpus) => generated(random, [...corpus, ...hostileBytes], randomRequests),
  async judge(inputs) {
    const streams = inputs.map(bytesOf);
    const oracle = await readRequests(streams);
    return streams.map((bytes, i) => verdict(bytes, () => new RequestStory(), oracle[i]!, requestExcuse));
  },
  neighbours,
  *simpler(input) {
    for (const bytes of withoutRuns([...input])) yield bytes.join('');
  },
  parser: (input) => fed(new RequestStory(), input),
  bytes: (input) => input.length,
  read: (entry) => String(entry['bytes']),
  write: (bytes) => ({ bytes }),
};

interface TextAnswer {
  readonly method: Answer['method'];
  readonly bytes: string;
}

/** Answers to one request each, Latin-1. */
export const responses: Subject<TextAnswer> = {
  name: 'http1 responses',
  folder: 'data-plane/codec/corpus/responses',
  generate(random, corpus) {
    const bytes = generated(
      random,
      corpus.map((one) => one.bytes),
      randomResponse,
    );
    return { method: random(5) === 0 ? 'HEAD' : 'GET', bytes };
  },
  async judge(inputs) {
    const answers = inputs.map(({ method, bytes }) => ({ method, bytes: bytesOf(bytes) }));
    const oracle = await readResponses(answers);
    return answers.map(({ method, bytes }, i) => {
      return verdict(bytes, () => new ResponseStory(method === 'HEAD'), oracle[i]!, responseExcuse);
    });
  },
  *neighbours({ method, bytes }) {
    for (const near of neighbours(bytes)) yield { method, bytes: near };
  },
  *simpler({ method, bytes }) {
    for (const less of withoutRuns([...bytes])) yield { method, bytes: less.join('') };
  },
  parser: (input) => fed(new ResponseStory(input?.method === 'HEAD'), input?.bytes),
  bytes: ({ bytes }) => bytes.length,
  read: (entry) => ({ method: entry['method'] === 'HEAD' ? 'HEAD' : 'GET', bytes: String(entry['bytes']) }),
  write: ({ method, bytes }) => ({ method, bytes }),
};

function generated(random: Random, corpus: readonly string[], fresh: (random: Random) => string): string {
  const way = random(10);
  if (way < 4) return fresh(random);
  return mutate(random, way < 7 || corpus.length === 0 ? fresh(random) : pick(random, corpus), corpus);
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** The parser, without what has been told. */
function fed(story: Story, text: string | undefined): Story {
  if (text !== undefined) story.read(bytesOf(text));
  story.messages.length = 0;
  return story;
}

/** Of the message that llhttp does not take, or not to its end. */
type Excuse = (own: Told, oracle: Told, at: number) => string | undefined;

function verdict(bytes: Buffer, begin: () => Story, oracle: Told, excuse: Excuse): Verdict {
  try {
    const story = begin();
    story.read(Buffer.from(bytes));
    story.end();
    const { told } = story;
    const own = told.refusal !== undefined ? 'refuses' : told.waits ? 'waits' : 'accepts';
    for (const pieces of cuttings(bytes)) {
      const problem = cutDifference(told, readPieces(begin(), pieces, told.refusal !== undefined));
      if (problem !== undefined) return { problem, counted: 'problem', own };
    }
    const problem = difference(told, oracle);
    const at = told.messages.findIndex((_, i) => oracle.messages[i]?.isWhole !== true);
    const isExcusable = /^(?:refused|body)/.test(problem ?? '');
    const excused = isExcusable ? (framingExcuse(oracle, bytes) ?? excuse(told, oracle, at)) : undefined;
    if (problem !== undefined && excused === undefined) return { problem, counted: 'problem', own };
    return { problem: undefined, counted: excused ?? strictness(told, oracle), own };
  } catch (error) {
    return { problem: `threw: ${String(error)}`, counted: 'problem', own: 'refuses' };
  }
}

function readPieces(story: Story, pieces: readonly Buffer[], isRefused: boolean): Told {
  for (const piece of pieces) story.read(Buffer.from(piece));
  // a head that comes in pieces is judged when a line ends
  if (isRefused && story.told.refusal === undefined) story.read(Buffer.from('\r\n\r\n'));
  story.end();
  return story.told;
}

/** Byte by byte, and twice at places that the bytes themselves decide, so that a corpus says the same each time. */
function cuttings(bytes: Buffer): Buffer[][] {
  const random = seededRandom(bytes.reduce((sum, byte) => (Math.imul(sum, 31) + byte) | 0, 7));
  const cut = (longest: number): Buffer[] => {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + random(longest);
      pieces.push(bytes.subarray(at, at + length));
      at += length;
    }
    return pieces;
  };
  return [cut(1), cut(8), cut(80)];
}

/** Where llhttp refuses what is right, or what is judged elsewhere. */
export function requestExcuse(own: Told, _: Told, at: number): string | undefined {
  const refused = own.messages[at];
  if (refused === undefined) return undefined;
  const [method = '', target = ''] = refused.start.split(' ');
  // methods are an open list (RFC 9110 section 9.1); llhttp has a closed one
  if (!http.METHODS.includes(method)) return 'both differ: a method that llhttp does not know';
  // other forms than a path are no matter of the codec: l7 takes `*`, URI or authority where it may, and nothing else
  return target.startsWith('/') ? undefined : 'both differ: a target that l7 judges';
}

function responseExcuse(own: Told, oracle: Told, at: number): string | undefined {
  const before = own.messages[at - 1];
  // that holds for the end of the final answer (RFC 9112 section 9.6), and llhttp takes it for the end of this one
  const isLast = oracle.refusal === 'HPE_CLOSED_CONNECTION' && / 1\d\d$/.test(before?.start ?? '');
  return isLast ? 'both differ: an informational answer that says close' : undefined;
}

const tabBehindChunked = /^transfer-encoding:[ \t]*chunked *\t[ \t]*\r$/im;
const framingInTrailers = /\r\n0+(?:;[^\r]*)?\r\n(?:[^\r\n]+\r\n)*?(?:content-length|transfer-encoding):/i;
const framingFaults = /^HPE_(?:INVALID|UNEXPECTED)_(?:CONTENT_LENGTH|TRANSFER_ENCODING)$/;

function framingExcuse({ refusal }: Told, bytes: Buffer): string | undefined {
  const text = bytes.latin1Slice(0, bytes.length);
  if (refusal !== undefined && !framingFaults.test(refusal)) return undefined;
  // white space behind a value is no part of it (RFC 9110 section 5.5); we write the field anew without it
  if (tabBehindChunked.test(text)) return 'both differ: a tab behind chunked';
  // trailers are dropped unread here, so what they say of lengths and codings means nothing to anybody
  return refusal !== undefined && framingInTrailers.test(text) ? 'both differ: framing in trailers' : undefined;
}

function strictness(told: Told, oracle: Told): string {
  if (told.refusal === undefined) return told.waits ? 'both wait' : 'both accept';
  const isStricter = oracle.refusal === undefined || oracle.messages.length > told.messages.length;
  return isStricter ? `only ours refuses: ${told.refusal}` : 'both refuse';
}
