/**
 * The connections that are open, counted by all workers in common: a row each, as in `telemetry/common-rows.ts`. Addresses
 * have no place of their own in memory that cannot grow: each falls on a cell of two tables, by a hash that differs from
 * start to start, and the smaller of the two counts is it. It is never too small, and too large only where others fall on
 * both cells.
 */
import type { OpenCounts } from '../listener/open-counts.ts';

/** Of each table: at 50,000 open connections fewer than two fall on a cell. */
const tableCells = 1 << 15;
/** The number of all, and the rest of a cache line. */
const headCells = 16;
const rowCells = headCells + 2 * tableCells;
/** In front of the rows: the seeds of the hashes. */
const seedCells = 16;

/** @param seeds two random numbers */
export function newOpenCounts(workers: number, seeds: readonly [number, number]): SharedArrayBuffer {
  const memory = new SharedArrayBuffer((seedCells + workers * rowCells) * Int32Array.BYTES_PER_ELEMENT);
  new Int32Array(memory).set(seeds);
  return memory;
}

/** What a worker had is over. @param worker from 0 */
export function clearOpenCounts(memory: SharedArrayBuffer, worker: number): void {
  const at = seedCells + worker * rowCells;
  new Int32Array(memory).fill(0, at, at + rowCells);
}

export class CommonOpenCounts implements OpenCounts {
  readonly #cells: Int32Array;
  readonly #own: number;

  /** @param worker from 0 */
  constructor(memory: SharedArrayBuffer, worker: number) {
    this.#cells = new Int32Array(memory);
    this.#own = seedCells + worker * rowCells;
  }

  get open(): number {
    return this.#sum(0);
  }

  from(address: string): number {
    return Math.min(this.#sum(this.#place(address, 0)), this.#sum(this.#place(address, 1)));
  }

  enter(address: string, byAddress: boolean): void {
    this.#add(address, byAddress, 1);
  }

  leave(address: string, byAddress: boolean): void {
    this.#add(address, byAddress, -1);
  }

  #add(address: string, byAddress: boolean, count: number): void {
    this.#cells[this.#own]! += count;
    if (!byAddress) return;
    for (const table of [0, 1]) this.#cells[this.#own + this.#place(address, table)]! += count;
  }

  #sum(place: number): number {
    const cells = this.#cells;
    let sum = 0;
    for (let at = seedCells + place; at < cells.length; at += rowCells) sum += cells[at]!;
    return sum;
  }

  #place(address: string, table: number): number {
    return headCells + table * tableCells + (hash(address, this.#cells[table]!) & (tableCells - 1));
  }
}

/** FNV-1a with a seed, and its high bits mixed into the low ones. */
function hash(text: string, seed: number): number {
  let value = seed ^ 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d);
  return value ^ (value >>> 13);
}
