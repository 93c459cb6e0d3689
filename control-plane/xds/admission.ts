/**
 * How many new streams are in work at once. A fleet that comes back together is served in the order in which it came, at
 * the pace at which this process and the clients get on; the streams that are there already keep their turns meanwhile.
 */
import type { Timers } from './ports.ts';

export interface AdmissionLimits {
  /** So many new streams at once, each from its first request until its first answers are acknowledged. */
  readonly inWork: number;
  /** Who has not got there after this time no longer holds the others up. */
  readonly patienceMs: number;
  /** So many wait; more are refused. */
  readonly waiting: number;
  /** Who has waited for so long is refused, so that it can try another replica. */
  readonly waitMs: number;
  /** When somebody who was refused should try again: from `least`, at random, to `most`. */
  readonly retryMs: { readonly least: number; readonly most: number };
}

export interface Refusal {
  readonly message: string;
  readonly retryMs: number;
}

export interface Joiner {
  /** It is its turn; maybe at once. */
  begin(): void;
  /** It gets none. */
  refuse(refusal: Refusal): void;
}

export interface AdmissionStats {
  readonly inWork: number;
  readonly waiting: number;
  /** Since the start. */
  readonly refused: number;
}

interface Entry {
  readonly joiner: Joiner;
  /** When it came, or when its turn began. */
  sinceMs: number;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #timers: Timers;
  readonly #random: () => number;
  /** Both: the oldest first. */
  readonly #inWork = new Set<Entry>();
  readonly #waiting = new Set<Entry>();
  #refused = 0;
  #cancelTimer: () => void = () => {};

  /** `random` in [0, 1). */
  constructor(limits: AdmissionLimits, timers: Timers, random: () => number) {
    this.#limits = limits;
    this.#timers = timers;
    this.#random = random;
  }

  get stats(): AdmissionStats {
    return { inWork: this.#inWork.size, waiting: this.#waiting.size, refused: this.#refused };
  }

  /** Returns what to call, once or more often, when it has its first answers, or is gone. */
  enter(joiner: Joiner): () => void {
    const entry: Entry = { joiner, sinceMs: this.#timers.now() };
    const { waiting } = this.#limits;
    if (this.#waiting.size >= waiting) {
      this.#refuse(entry, `${waiting} streams wait to join this replica already`);
      return nothing;
    }
    this.#waiting.add(entry);
    this.#goOn();
    return () => {
      const left = this.#inWork.delete(entry) || this.#waiting.delete(entry);
      if (left) this.#goOn();
    };
  }

  #goOn(): void {
    for (const entry of this.#waiting) {
      if (this.#inWork.size >= this.#limits.inWork) break;
      this.#waiting.delete(entry);
      this.#inWork.add(entry);
      entry.sinceMs = this.#timers.now();
      entry.joiner.begin();
    }
    this.#arm();
  }

  /** Only while somebody waits is there anything to be impatient about. */
  #arm(): void {
    this.#cancelTimer();
    this.#cancelTimer = nothing;
    const [[first], [oldest]] = [this.#waiting, this.#inWork];
    if (first === undefined || oldest === undefined) return;
    const { patienceMs, waitMs } = this.#limits;
    const atMs = Math.min(first.sinceMs + waitMs, oldest.sinceMs + patienceMs);
    this.#cancelTimer = this.#timers.after(Math.max(0, atMs - this.#timers.now()), () => this.#lookAtTheTime());
  }

  #lookAtTheTime(): void {
    const { patienceMs, waitMs } = this.#limits;
    const nowMs = this.#timers.now();
    for (const entry of this.#inWork) {
      if (nowMs - entry.sinceMs < patienceMs) break;
      this.#inWork.delete(entry);
    }
    this.#goOn();
    for (const entry of this.#waiting) {
      if (nowMs - entry.sinceMs < waitMs) break;
      this.#waiting.delete(entry);
      this.#refuse(
        entry,
        `so many streams join this replica that the turn of this one did not come within ${waitMs / 1_000} s`,
      );
    }
    this.#arm();
  }

  #refuse({ joiner }: Entry, why: string): void {
    this.#refused += 1;
    const { least, most } = this.#limits.retryMs;
    const retryMs = Math.round(least + (most - least) * this.#random());
    const message = `${why}; try again in ${Math.ceil(retryMs / 1_000)} s, or at another replica`;
    joiner.refuse({ message, retryMs });
  }
}

const nothing = (): void => {};
