/** What a parser under differential fuzz is made of, so that the loop, the minimiser and the corpora fit each of them. */
import type { Random } from '../../proto/http2/testing/wire.ts';

/** What came out for one input. */
export interface Verdict {
  /** What is wrong; undefined: both agree, or differ as they may. */
  readonly problem: string | undefined;
  /** Both agree, or why they may differ: counted and reported. */
  readonly counted: string;
  /** All of the input was taken, or some of it refused by our parser. */
  readonly own: 'accepts' | 'refuses' | 'waits';
}

/** An entry of a corpus: an input that can be read, and what our parser has to say to it if that is settled. */
export interface Entry {
  readonly name: string;
  readonly own?: 'accepts' | 'refuses';
}

export interface Subject<Input> {
  readonly name: string;
  /** Of the corpus, from the repository's root. */
  readonly folder: string;
  /** @param corpus to mutate */
  generate(random: Random, corpus: readonly Input[]): Input;
  /** One verdict for each input, in their order. Nothing is thrown for what a parser does. */
  judge(inputs: readonly Input[]): Promise<Verdict[]>;
  /** Inputs that differ from this one in a single place: all that matter. */
  neighbours(input: Input): Iterable<Input>;
  /** Inputs with a part less, the larger parts first. */
  simpler(input: Input): Iterable<Input>;
  /** A parser of ours that has read it; `undefined`: one that has read nothing. */
  parser(input: Input | undefined): unknown;
  bytes(input: Input): number;
  read(entry: Entry & Readonly<Record<string, unknown>>): Input;
  write(input: Input): Readonly<Record<string, unknown>>;
}

/** The same for problems that differ in numbers and quoted bytes only. */
export function kindOf(problem: string | undefined): string | undefined {
  return problem?.replace(/"(?:\\.|[^"\\])*"|\d+/g, '_');
}
