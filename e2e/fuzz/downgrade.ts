/**
 * Heads of HTTP/2 under fuzz, as they are written to HTTP/1.1: whatever the HTTP/2 codec takes has to be one message
 * for our own reader and for llhttp, with the line and the fields that were meant.
 */
import { FieldsHead } from '../../data-plane/codec/fields-head.ts';
import { dropsOf, known } from '../../data-plane/codec/known-headers.ts';
import { Out } from '../../data-plane/codec/out.ts';
import { internRecord } from '../../proto/http2/field.ts';
import { checkRequest, checkResponse } from '../../proto/http2/messages.ts';
import { mutate } from './http1/mutate.ts';
import { readRequests, readResponses } from './http1/oracle.ts';
import { RequestStory, ResponseStory } from './http1/own.ts';
import { requestExcuse } from './http1/subject.ts';
import { difference, type Told } from './http1/told.ts';
import { type Pair, plainPairs } from './http2/blocks.ts';
import { randomRequest } from './http2/grammar.ts';
import { withoutRuns } from './minimise.ts';
import { pick } from './random.ts';
import type { Subject, Verdict } from './subject.ts';

/** The fields of one head; those of an answer begin with `:status`. */
export const downgrade: Subject<readonly Pair[]> = {
  name: 'http2 heads in http1',
  folder: 'data-plane/codec/corpus/downgrade',
  generate(random, corpus) {
    const usual = random(4) === 0 ? randomAnswer(random) : randomRequest(random, pick(random, ['GET', 'POST', 'HEAD']));
    const pairs = corpus.length > 0 && random(4) === 0 ? [...pick(random, corpus)] : usual;
    if (random(3) > 0 || pairs.length === 0) return pairs;
    const at = random(pairs.length);
    const [name, value] = pairs[at]!;
    const others = pairs.map((pair) => pair[1]);
    pairs[at] = random(4) === 0 ? [mutate(random, name, others), value] : [name, mutate(random, value, others)];
    return pairs;
  },
  async judge(inputs) {
    const written = inputs.map(writtenOf);
    const isAnswer = inputs.map(isResponse);
    const bytes = written.map((one) => Buffer.from(one?.text ?? '', 'latin1'));
    const [asRequests, asAnswers] = [
      await readRequests(bytes),
      await readResponses(bytes.map((one) => ({ method: 'GET', bytes: one }))),
    ];
    return inputs.map((_, i): Verdict => {
      const meant = written[i];
      if (meant === undefined) return { problem: undefined, counted: 'refused as HTTP/2', own: 'refuses' };
      const oracle = (isAnswer[i] ? asAnswers : asRequests)[i]!;
      return verdict(meant, ownStory(bytes[i]!, isAnswer[i]!), oracle);
    });
  },
  *neighbours(input) {
    for (const [at, [name, value]] of input.entries()) {
      for (let byte = 0; byte < 256; byte++) {
        const odd = String.fromCharCode(byte);
        for (const near of [odd + value, value + odd, value.slice(0, 1) + odd + value.slice(1)]) {
          yield [...input.slice(0, at), [name, near], ...input.slice(at + 1)];
        }
        yield [...input.slice(0, at), [name.slice(0, 1) + odd + name.slice(1), value], ...input.slice(at + 1)];
      }
    }
  },
  *simpler(input) {
    yield* withoutRuns(input);
    for (const [at, [name, value]] of input.entries()) {
      for (const less of withoutRuns([...value])) {
        yield [...input.slice(0, at), [name, less.join('')], ...input.slice(at + 1)];
      }
    }
  },
  parser: (input) => (input === undefined ? undefined : writtenOf(input)),
  bytes: (input) => input.reduce((sum, [name, value]) => sum + name.length + value.length, 0),
  read: (entry) => entry['fields'] as Pair[],
  write: (input) => ({ fields: input }),
};

const head = new FieldsHead();
const out = new Out();
const hostDrop = dropsOf([known.host]);
const noDrop = dropsOf([]);

function randomAnswer(random: Parameters<typeof randomRequest>[0]): Pair[] {
  const status = pick(random, ['200', '200', '404', '204', '999', '099', '20', '100', '2000', 'x']);
  return [
    [':status', status],
    ...randomRequest(random, 'GET').filter(([name]) => !name.startsWith(':')),
    ...plainPairs(random, 2),
  ];
}

function isResponse(pairs: readonly Pair[]): boolean {
  return pairs[0]?.[0] === ':status';
}

interface Written {
  readonly text: string;
  readonly start: string;
  readonly fields: readonly string[];
  /** Bytes of content that were put behind the head. */
  readonly bodyBytes: number;
}

/** What the proxy would write; undefined: the HTTP/2 codec does not take it, or it is no plain message. */
function writtenOf(pairs: readonly Pair[]): Written | undefined {
  const records = pairs.map(([name, value]) => internRecord(name, value));
  const isAnswer = isResponse(pairs);
  const {
    problem,
    contentBytes = 0,
    method,
    status,
  } = isAnswer ? checkResponse(records) : checkRequest(records, false);
  if (problem !== undefined || method === 'CONNECT' || contentBytes > 1_000 || (isAnswer && status < 200))
    return undefined;
  head.fill(records);
  const start = isAnswer ? `HTTP/1.1 ${head.status}` : `${head.method} ${head.path} HTTP/1.1`;
  const host = isAnswer || head.authority === null ? [] : [`host: ${head.authority}`];
  out.length = 0;
  head.writeLines(out, false, host.length > 0 ? hostDrop : noDrop, null);
  const lines = Buffer.alloc(out.length);
  out.copyTo(lines, 0);
  out.length = 0;
  const hasBody = !isAnswer || (status !== 204 && status !== 304);
  const bodyBytes = hasBody ? contentBytes : 0;
  const top = [isAnswer ? `${start} OK` : start, ...host].join('\r\n');
  return {
    text: `${top}\r\n${lines.latin1Slice(0, lines.length)}\r\n${'b'.repeat(bodyBytes)}`,
    ...{ start, fields: [...host, ...meantFields(records, host.length > 0)], bodyBytes },
  };
}

/** The fields as they were given; the crumbs of a cookie are one, and stand last. */
function meantFields(
  records: readonly { readonly name: string; readonly value: string }[],
  hasHost: boolean,
): string[] {
  const plain = records.filter(({ name }) => !name.startsWith(':') && !(hasHost && name === 'host'));
  const crumbs = plain.filter(({ name }) => name === 'cookie').map(({ value }) => value);
  const others = plain.filter(({ name }) => name !== 'cookie').map(({ name, value }) => `${name}: ${value}`);
  return crumbs.length === 0 ? others : [...others, `cookie: ${crumbs.join('; ').replace(/ $/, '')}`];
}

function ownStory(bytes: Buffer, isAnswer: boolean): Told {
  const story = isAnswer ? new ResponseStory(false) : new RequestStory();
  story.read(Buffer.from(bytes));
  story.end();
  return story.told;
}

function verdict({ start, fields, bodyBytes }: Written, told: Told, oracle: Told): Verdict {
  const wrong = (problem: string): Verdict => ({ problem, counted: 'problem', own: 'accepts' });
  const [message] = told.messages;
  if (told.refusal !== undefined || told.waits || message === undefined || told.messages.length > 1) {
    return wrong(
      `own: ${told.refusal ?? `${told.messages.length} messages, ${told.waits ? 'waiting' : 'at the end'}`}`,
    );
  }
  if (message.start !== start) return wrong(`start: "${message.start}" instead of "${start}"`);
  const isSame = message.fields.join('\n') === fields.join('\n') && message.body.length === bodyBytes;
  if (!isSame) return wrong(`fields: ${JSON.stringify(message.fields)} instead of ${JSON.stringify(fields)}`);
  const problem = difference(told, oracle);
  const excused = problem?.startsWith('refused') ? requestExcuse(told, oracle, 0) : undefined;
  if (problem !== undefined && excused === undefined) return wrong(problem);
  return { problem: undefined, counted: excused ?? 'all agree', own: 'accepts' };
}
