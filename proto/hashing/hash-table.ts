/** A table by which a hash finds its host, and how long the building of one takes. */
import type { Hash64 } from './hash64.ts';

export interface HashTable {
  /** Entries of the ring, or slots. */
  readonly size: number;
  /**
   * Index into the hosts it was built from; -1 if there are none.
   * @param attempt 0, or the number of hosts that were drawn before and refused
   */
  pick(hash: Hash64, attempt: number): number;
  /** The part of all hashes that each host gets. */
  shares(hosts: number): Float64Array;
}

export interface TableHost {
  /** What is hashed. */
  readonly key: string;
  /** Its share; those of all add up to 1, or less where localities are left out. */
  readonly weight: number;
}

/** The building of a table, which may stop at each `yield` to let others go first: after well under a millisecond. */
export type TableSteps = Generator<undefined, HashTable, undefined>;

/** All steps at once. */
export function finishTable(steps: TableSteps): HashTable {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

export const emptyTable: HashTable = {
  size: 0,
  pick: () => -1,
  shares: (hosts) => new Float64Array(hosts),
};

/** Fits the indexes of so many hosts. */
export function indexArray(length: number, hosts: number): Uint16Array | Uint32Array {
  return hosts <= 0x1_0000 ? new Uint16Array(length) : new Uint32Array(length);
}
