/**
 * Stats that another thread reads while this one counts: each number is a cell of memory that both see and only this
 * thread writes, so that counting needs no lock and survives the end of the thread.
 */

import type { CommonRows } from './common-rows.ts';
import { Histogram, histogramBytes } from './histogram.ts';
import type { StatName, TotalledGauge } from './registry.ts';

/** What came and went, in order. */
export type StatsNews = readonly (SharedNumber | SharedHistogram | { readonly removed: string })[];

export interface SharedNumber {
  readonly kind: 'counter' | 'gauge';
  readonly name: StatName;
  readonly cells: Float64Array;
  readonly at: number;
}

export interface SharedHistogram {
  readonly kind: 'histogram';
  readonly name: StatName;
  /** As `Histogram` takes it. */
  readonly memory: SharedArrayBuffer;
}

/** About as many as a cluster has stats. */
const chunkCells = 64;

/** A number as whoever counts sees it. */
class Cell implements TotalledGauge {
  readonly #cells: Float64Array;
  readonly #at: number;

  constructor(cells: Float64Array, at: number) {
    this.#cells = cells;
    this.#at = at;
  }

  get value(): number {
    return this.#cells[this.#at]!;
  }

  set value(value: number) {
    this.#cells[this.#at] = value;
  }

  get total(): number {
    return this.value;
  }
}

export class SharedStats {
  readonly #tell: (news: StatsNews) => void;
  readonly #defer: (callback: () => void) => void;
  readonly #common: CommonRows;
  #news: StatsNews[number][] = [];

  /**
   * @param tell gets what came and went since the last time
   * @param defer calls back once what is being done now is done
   * @param common where gauges are that limits go by
   */
  constructor(tell: (news: StatsNews) => void, defer: (callback: () => void) => void, common: CommonRows) {
    this.#tell = tell;
    this.#defer = defer;
    this.#common = common;
  }

  /** Numbers that come and go together: their memory is theirs alone, so that a late count harms nobody. */
  numbers(prefix: string): SharedNumbers {
    return new SharedNumbers(prefix, this.#common, (number) => this.#add(number));
  }

  histogram(name: StatName): Histogram {
    const memory = new SharedArrayBuffer(histogramBytes);
    this.#add({ kind: 'histogram', name, memory });
    return new Histogram(memory);
  }

  removed(stat: string): void {
    this.#add({ removed: stat });
  }

  #add(one: StatsNews[number]): void {
    this.#news.push(one);
    if (this.#news.length > 1) return;
    this.#defer(() => {
      const news = this.#news;
      this.#news = [];
      this.#tell(news);
    });
  }
}

export class SharedNumbers {
  readonly #prefix: string;
  readonly #common: CommonRows;
  readonly #taken: (number: SharedNumber) => void;
  #cells: Float64Array = new Float64Array(0);
  #used = 0;
  #places = 0;

  constructor(prefix: string, common: CommonRows, taken: (number: SharedNumber) => void) {
    this.#prefix = prefix;
    this.#common = common;
    this.#taken = taken;
  }

  take(kind: SharedNumber['kind'], name: StatName): TotalledGauge {
    if (this.#used === this.#cells.length) {
      this.#cells = new Float64Array(new SharedArrayBuffer(chunkCells * Float64Array.BYTES_PER_ELEMENT));
      this.#used = 0;
    }
    const [cells, at] = [this.#cells, this.#used++];
    this.#taken({ kind, name, cells, at });
    return new Cell(cells, at);
  }

  /** Every worker takes those of a scope in the same order. */
  takeTotalled(name: StatName): TotalledGauge {
    const cell = this.#common.take(this.#prefix, this.#places++);
    if (cell === null) return this.take('gauge', name);
    this.#taken({ kind: 'gauge', name, cells: cell.cells, at: cell.at });
    return cell;
  }
}
