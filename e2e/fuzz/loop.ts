/** The loop of a fuzz run: batches of inputs, their verdicts, what they cost, and what becomes of a finding. */
import v8 from 'node:v8';
import vm from 'node:vm';
import { seededRandom } from '../../proto/http2/testing/wire.ts';
import { keepFinding, readCorpus } from './corpus.ts';
import { minimise } from './minimise.ts';
import { kindOf, type Subject } from './subject.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** How long. */
  readonly ms: number;
  /** Milliseconds that never go back. */
  readonly now: () => number;
  readonly say: (line: string) => void;
}

export interface Report {
  readonly name: string;
  readonly inputs: number;
  readonly seconds: number;
  /** The slowest batch, for one of its inputs on average. */
  readonly slowestMs: number;
  /** Bytes that stay in our parser, over bytes of input. */
  readonly growth: number;
  readonly counts: ReadonlyMap<string, number>;
  /** Kinds with the files that they went to. */
  readonly findings: readonly string[];
}

const batch = 100;
/** What one input may take, and what may stay of it (reliability.md, section 7), beside a parser's own few objects. */
const maxPauseMs = 100;
const maxGrowth = 10;
const fewObjectsBytes = 4 * 1024;
/** Every so many batches the memory that an input leaves is measured. */
const measuredEvery = 20;
const copies = 200;
/** Kinds of problems that are made small and kept. */
const maxFindings = 20;

export async function fuzz<Input>(subject: Subject<Input>, { seed, ms, now, say }: FuzzOptions): Promise<Report> {
  const random = seededRandom(seed);
  const corpus = readCorpus(subject).map(({ input }) => input);
  const counts = new Map<string, number>();
  const findings = new Map<string, string>();
  const start = now();
  let inputs = 0;
  let slowestMs = 0;
  let growth = 0;
  const found = async (input: Input, problem: string): Promise<void> => {
    const kind = kindOf(problem)!;
    if (findings.has(kind) || findings.size === maxFindings) return;
    findings.set(kind, problem);
    const small = await minimise(subject, input, problem);
    const [verdict] = await subject.judge([small]);
    const file = keepFinding(subject, small, verdict?.problem ?? problem);
    findings.set(kind, `${verdict?.problem ?? problem} (${file})`);
    say(`FOUND ${findings.get(kind)}`);
  };
  const judge = async (some: readonly Input[]): Promise<void> => {
    const before = now();
    const verdicts = await subject.judge(some);
    const batchMs = now() - before;
    slowestMs = Math.max(slowestMs, batchMs / some.length);
    inputs += some.length;
    for (const [i, { problem, counted }] of verdicts.entries()) {
      counts.set(counted, (counts.get(counted) ?? 0) + 1);
      if (problem !== undefined) await found(some[i]!, problem);
    }
    if (batchMs <= maxPauseMs) return;
    for (const input of some) {
      const ownMs = Math.min(...[0, 1, 2].map(() => timeOf(() => subject.parser(input), now)));
      if (ownMs > maxPauseMs) await found(input, `slow: ${ownMs.toFixed(0)} ms`);
    }
  };
  const near = corpus.flatMap((input) => [input, ...subject.neighbours(input)]);
  for (let at = 0; at < near.length && now() - start < ms; at += batch) await judge(near.slice(at, at + batch));
  for (let round = 0; now() - start < ms; round++) {
    const some = Array.from({ length: batch }, () => subject.generate(random, corpus));
    await judge(some);
    if (round % measuredEvery !== 0) continue;
    const largest = some.reduce((a, b) => (subject.bytes(a) < subject.bytes(b) ? b : a));
    const times = growthOf(subject, largest);
    growth = Math.max(growth, times);
    if (times > maxGrowth) await found(largest, `memory: ${times.toFixed(1)} times the input is kept`);
  }
  return {
    name: subject.name,
    inputs,
    seconds: (now() - start) / 1_000,
    slowestMs,
    growth,
    counts,
    findings: [...findings.values()],
  };
}

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc') as () => void;

/** Bytes that stay in a parser that has read the input, over those of the input. */
function growthOf<Input>(subject: Subject<Input>, input: Input): number {
  const each = heldBytes(() => subject.parser(input)) - heldBytes(() => subject.parser(undefined)) - fewObjectsBytes;
  return Math.max(0, each) / Math.max(1, subject.bytes(input));
}

function timeOf(work: () => unknown, now: () => number): number {
  const from = now();
  work();
  return now() - from;
}

function heldBytes(make: () => unknown): number {
  const held: unknown[] = [make()];
  collect();
  const before = usedBytes();
  for (let i = 0; i < copies; i++) held.push(make());
  collect();
  return (usedBytes() - before) / (held.length - 1);
}

function usedBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
