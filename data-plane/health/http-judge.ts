/** What the answer to an HTTP health check says, in either version of HTTP. */
import type { HttpProbeConfig, StatusRangeConfig } from '../model/config.ts';
import { BlocksReader } from './blocks-reader.ts';
import { degraded, failed, isPass, type Outcome, passed } from './outcome.ts';

/** The value of a field by its lower-case name; undefined: it is not there. */
export type FieldReader = (name: string) => string | undefined;

/** Told of an answer as it comes, until it returns an outcome. */
export interface AnswerJudge {
  /** Of the final answer. */
  head(status: number, field: FieldReader): Outcome | null;
  data(chunk: Buffer): Outcome | null;
  /** The answer was whole. */
  end(trailer: FieldReader): Outcome;
}

export interface Http2Question {
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Null: none. */
  readonly body: Buffer | null;
}

/** Of a body, where nothing is said (Envoy's response_buffer_size). */
const bodyBytes = 1_024;

export const userAgent = 'Fairlead/HC';

export class HttpJudge implements AnswerJudge {
  readonly #check: HttpProbeConfig;
  readonly #blocks: BlocksReader;
  #bodyBytesLeft: number;
  #verdict: Outcome = passed;

  constructor(check: HttpProbeConfig) {
    this.#check = check;
    this.#blocks = new BlocksReader(check.receive);
    this.#bodyBytesLeft = check.receiveBytes === 0 ? Number.POSITIVE_INFINITY : (check.receiveBytes ?? bodyBytes);
  }

  /** An answer counts when it is whole, whatever it begins with. */
  head(status: number, field: FieldReader): null {
    const { expect, retriable } = this.#check;
    if (!isWithin(status, expect)) {
      const reason = `status ${status}`;
      this.#verdict = isWithin(status, retriable) ? { type: 'retriable', reason } : failed(reason);
    } else if (field('x-envoy-degraded') !== undefined) this.#verdict = degraded;
    return null;
  }

  data(chunk: Buffer): null {
    this.#blocks.read(chunk.subarray(0, this.#bodyBytesLeft));
    this.#bodyBytesLeft = Math.max(0, this.#bodyBytesLeft - chunk.length);
    return null;
  }

  end(): Outcome {
    if (!isPass(this.#verdict) || this.#blocks.foundAll) return this.#verdict;
    return failed('the body lacks what is expected');
  }
}

function isWithin(status: number, ranges: readonly StatusRangeConfig[]): boolean {
  return ranges.some(({ start, end }) => status >= start && status < end);
}

export function http2Question(check: HttpProbeConfig): Http2Question {
  return { fields: questionFields(check, ':authority', http2Names(check)), body: null };
}

export function http1Question(check: HttpProbeConfig): string {
  const fields = questionFields(check, 'host', []);
  // one connection a check, so that each of them shows that the endpoint takes connections
  const lines = [...fields, ['connection', 'close'] as const].map(([name, value]) => `${name}: ${value}\r\n`);
  return `${check.method} ${check.path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

type Pair = readonly [name: string, value: string];

function http2Names({ method, path }: HttpProbeConfig): Pair[] {
  return [
    [':method', method],
    [':scheme', 'http'],
    [':path', path],
  ];
}

/** What the check says itself stands in place of what is said of its own accord. */
function questionFields({ method, host, headers }: HttpProbeConfig, authority: string, first: readonly Pair[]): Pair[] {
  const said = new Map(headers.map(({ name, value }) => [name, value]));
  const own: Pair[] = [
    [authority, said.get('host') ?? host],
    ['user-agent', said.get('user-agent') ?? userAgent],
  ];
  if (mayHaveContent.has(method)) own.push(['content-length', '0']);
  const others = headers.filter(({ name }) => name !== 'host' && name !== 'user-agent');
  return [...first, ...own, ...others.map(({ name, value }): Pair => [name, value])];
}

const mayHaveContent: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);
