/** Contenders take turns within one run (A B C A B C), so that what the machine does in between hits all alike. */

/** What one turn measured: numbers by the name of the column that they belong to. */
export type Sample = Readonly<Record<string, number>>;

/** Samples of each contender by name, one a round, in the order of the rounds. */
export type Samples = ReadonlyMap<string, readonly Sample[]>;

export interface TurnsOptions<C> {
  readonly contenders: readonly C[];
  readonly rounds: number;
  /** Brings a contender to speed; runs once for each before the first round, and nothing of it is kept. */
  readonly warmUp: (contender: C) => Promise<void>;
  readonly measure: (contender: C) => Promise<Sample>;
  /** Told of each sample as it comes. `round` counts from 1. */
  readonly onSample: (contender: C, round: number, sample: Sample) => void;
}

export async function inTurns<C extends { readonly name: string }>(options: TurnsOptions<C>): Promise<Samples> {
  const samples = new Map<string, Sample[]>(options.contenders.map((contender) => [contender.name, []]));
  for (const contender of options.contenders) await options.warmUp(contender);
  for (let round = 1; round <= options.rounds; round++) {
    for (const contender of options.contenders) {
      const sample = await options.measure(contender);
      samples.get(contender.name)?.push(sample);
      options.onSample(contender, round, sample);
    }
  }
  return samples;
}

/** One column's values of one contender, round by round. */
export function columnOf(samples: readonly Sample[], column: string): number[] {
  return samples.map((sample) => {
    const value = sample[column];
    if (value === undefined) throw new Error(`A sample has no ${column}.`);
    return value;
  });
}
