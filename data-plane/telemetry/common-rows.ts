/**
 * Memory that all workers have in common: for each scope with gauges that limits go by, a row a worker. Each worker writes
 * in its own row and reads all of them, so that no count is lost, and what a dead one had is given back by clearing its
 * row. Two workers that look at the same moment may each take the last place, as in Envoy.
 */
import type { TotalledGauge } from './registry.ts';

/** Cells of a row: a cache line, so that no two workers write to the same one. */
export const rowCells = 8;

/** @param workers rows of zeros */
export function newRows(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * rowCells * Float64Array.BYTES_PER_ELEMENT);
}

/** What a worker had is over. @param worker from 0 */
export function clearRow(memory: SharedArrayBuffer, worker: number): void {
  new Float64Array(memory).fill(0, worker * rowCells, (worker + 1) * rowCells);
}

/** The rows as one worker has them. */
export class CommonRows {
  readonly #worker: number;
  /** By the prefix of the scope. */
  readonly #memory = new Map<string, Float64Array>();

  /** @param worker from 0 */
  constructor(worker: number) {
    this.#worker = worker;
  }

  set(prefix: string, memory: SharedArrayBuffer): void {
    this.#memory.set(prefix, new Float64Array(memory));
  }

  /** Forgets the others. */
  keep(prefixes: ReadonlySet<string>): void {
    for (const prefix of this.#memory.keys()) if (!prefixes.has(prefix)) this.#memory.delete(prefix);
  }

  /** A place of the own row; null where the scope has none left, or has no rows. */
  take(prefix: string, place: number): CommonCell | null {
    const cells = this.#memory.get(prefix);
    if (cells === undefined || place >= rowCells) return null;
    return new CommonCell(cells, this.#worker * rowCells + place);
  }
}

export class CommonCell implements TotalledGauge {
  readonly cells: Float64Array;
  readonly at: number;

  constructor(cells: Float64Array, at: number) {
    this.cells = cells;
    this.at = at;
  }

  get value(): number {
    return this.cells[this.at]!;
  }

  set value(value: number) {
    this.cells[this.at] = value;
  }

  get total(): number {
    const { cells } = this;
    let total = 0;
    for (let at = this.at % rowCells; at < cells.length; at += rowCells) total += cells[at]!;
    return total;
  }
}
