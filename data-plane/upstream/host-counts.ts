/**
 * What all threads of a node count of one endpoint, in memory that they share: what is under way in a cell a worker, so
 * that no count is lost and what a dead one had is given back by clearing its cells; failures in a row in one cell for
 * all of them. With one thread the same over memory of its own.
 */
import { LatencyBuckets } from '../health/latency-buckets.ts';
import { SharedFails } from './fail-cells.ts';

/** Whose word an outcome is: the endpoint's answer, or what this side met on its way there. */
type Origin = 'external' | 'local';

export type FailuresInRow = 'consecutive-5xx' | 'consecutive-gateway-failure' | 'consecutive-local-origin-failure';

/** Of each worker: its requests, then those of the next one, so that their sum is read from one place. */
const underWayCells = 2;
const talliesCells = 4;
/** In front of what the workers have each. */
const shared = { fiveXx: 0, gateway: 1, local: 2, ejected: 3, fails: 4, times: 8, latency: 16 } as const;
const sharedCells = shared.latency + LatencyBuckets.count;

const inRowCell: Readonly<Record<FailuresInRow, number>> = {
  'consecutive-5xx': shared.fiveXx,
  'consecutive-gateway-failure': shared.gateway,
  'consecutive-local-origin-failure': shared.local,
};

/** Whole cache lines: two endpoints never meet in one. */
function endpointCells(workers: number): number {
  return Math.ceil((sharedCells + workers * (underWayCells + talliesCells)) / 16) * 16;
}

/** Memory of zeros for so many endpoints. */
export function newHostCounts(endpoints: number, workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(endpoints * endpointCells(workers) * Int32Array.BYTES_PER_ELEMENT);
}

/** What a worker had under way is over; what it has counted stays. @param worker from 0 */
export function clearHostCounts(memory: SharedArrayBuffer, workers: number, worker: number): void {
  const cells = new Int32Array(memory);
  for (let at = sharedCells; at < cells.length; at += endpointCells(workers)) {
    cells[at + worker] = 0;
    cells[at + workers + worker] = 0;
  }
}

export class HostCounts {
  /** How long answers took, where somebody asks for it. */
  readonly latency: LatencyBuckets;
  readonly fails: SharedFails;
  readonly #cells: Int32Array;
  readonly #shared: number;
  readonly #workers: number;
  /** Cells of all workers. */
  readonly #requests: number;
  readonly #connections: number;
  readonly #tallies: number;
  readonly #worker: number;

  /** @param cells of `newHostCounts` @param index which of its endpoints @param worker from 0 */
  constructor(cells: Int32Array, index: number, workers: number, worker: number) {
    this.#cells = cells;
    this.#shared = index * endpointCells(workers);
    this.#workers = workers;
    this.#worker = worker;
    this.#requests = this.#shared + sharedCells;
    this.#connections = this.#requests + workers;
    this.#tallies = this.#connections + workers;
    const times = new Float64Array(cells.buffer, cells.byteOffset, cells.length >> 1);
    this.fails = new SharedFails(cells, this.#shared + shared.fails, times, (this.#shared + shared.times) >> 1);
    this.latency = new LatencyBuckets(cells, this.#shared + shared.latency);
  }

  /** Requests (HTTP) or connections (TCP) under way, of the whole node. */
  get active(): number {
    return this.#sum(this.#requests);
  }

  begin(): void {
    this.#cells[this.#requests + this.#worker]!++;
  }

  end(): void {
    this.#cells[this.#requests + this.#worker]!--;
  }

  /** Open ones, of the whole node. */
  get connections(): number {
    return this.#sum(this.#connections);
  }

  /** Of this thread. */
  get ownConnections(): number {
    return this.#cells[this.#connections + this.#worker]!;
  }

  opened(): void {
    this.#cells[this.#connections + this.#worker]!++;
  }

  closed(): void {
    this.#cells[this.#connections + this.#worker]!--;
  }

  /** Outlier detection has taken it out; written by the one thread that decides. */
  get ejected(): boolean {
    return this.#cells[this.#shared + shared.ejected] !== 0;
  }

  set ejected(ejected: boolean) {
    this.#cells[this.#shared + shared.ejected] = ejected ? 1 : 0;
  }

  /** One more outcome. */
  tally(origin: Origin, success: boolean): void {
    const at = this.#tallies + this.#worker * talliesCells + (origin === 'external' ? 0 : 2);
    this.#cells[at]!++;
    if (success) this.#cells[at + 1]!++;
  }

  /** Outcomes so far: 32 bits that wrap. */
  total(origin: Origin): number {
    return this.#tallied(origin === 'external' ? 0 : 2);
  }

  /** Of those, the good ones. */
  successful(origin: Origin): number {
    return this.#tallied(origin === 'external' ? 1 : 3);
  }

  /** Returns how many in a row it is now, in all threads together. */
  failed(inRow: FailuresInRow): number {
    return Atomics.add(this.#cells, this.#shared + inRowCell[inRow], 1) + 1;
  }

  endRow(inRow: FailuresInRow): void {
    const at = this.#shared + inRowCell[inRow];
    // all is well nearly always: what others read is not written then
    if (this.#cells[at] !== 0) Atomics.store(this.#cells, at, 0);
  }

  #sum(from: number): number {
    let sum = 0;
    for (let at = from; at < from + this.#workers; at++) sum += this.#cells[at]!;
    return sum;
  }

  #tallied(place: number): number {
    let sum = 0;
    for (let worker = 0; worker < this.#workers; worker++) {
      sum = (sum + this.#cells[this.#tallies + worker * talliesCells + place]!) | 0;
    }
    return sum >>> 0;
  }
}

/** Counts of one thread that is alone. */
export function ownHostCounts(): HostCounts {
  return new HostCounts(new Int32Array(endpointCells(1)), 0, 1, 0);
}
