/**
 * nginx's `max_fails` and `fail_timeout`: so many failures take an endpoint out for the time, then one request tries it.
 * Every thread notes what becomes of its requests in cells that all of them share, by the rules of nginx's own; one of
 * them decides who is out.
 */
import type { OutlierDetectionConfig } from '../model/config.ts';
import type { OutlierDeps } from './outlier.ts';

type MaxFailsConfig = NonNullable<OutlierDetectionConfig['maxFails']>;

/** Of one endpoint. Times are those of a clock that all threads share, ms. */
export interface FailCells {
  /** Failures that count. */
  readonly count: number;
  failedAtMs: number;
  /** When it failed, or was picked for the first time in a while. */
  checkedAtMs: number;
  /** One request may try it; whoever takes that back is the one. */
  offerTrial(): void;
  takeTrial(): boolean;
  /** Returns the count. */
  add(): number;
  clear(): void;
}

export function notePick(cells: FailCells, { windowMs }: MaxFailsConfig, nowMs: number): void {
  if (cells.count > 0 && nowMs - cells.checkedAtMs > windowMs) cells.checkedAtMs = nowMs;
}

/** True: it was out, and is no more. */
export function noteSuccess(cells: FailCells, { fails }: MaxFailsConfig): boolean {
  const { count } = cells;
  // failures are forgotten by the success of a request that was sent so long after the last one
  if (count === 0 || cells.failedAtMs >= cells.checkedAtMs) return false;
  cells.clear();
  return count >= fails;
}

/** True: that is as many as are allowed, or as many again. */
export function noteFailure(cells: FailCells, { fails }: MaxFailsConfig, nowMs: number): boolean {
  cells.failedAtMs = nowMs;
  cells.checkedAtMs = nowMs;
  return cells.add() % fails === 0;
}

export interface MaxFailsDeps extends Pick<OutlierDeps, 'onEjected' | 'onEvent'> {
  /** Of the clock of the cells. */
  readonly now: () => number;
  /** Calls back once. */
  readonly setTimer: (callback: () => void, ms: number) => void;
  /** One request may try it, in whichever thread. */
  readonly onTrial: (key: string) => void;
}

/** One endpoint. */
interface Watched {
  readonly cells: FailCells;
  /** Null: it is not out. Timers know by it whether they are still wanted. */
  outSince: { readonly ms: number } | null;
  lastActionMs: number | null;
  ejections: number;
}

/** Who of a cluster is out. */
export class MaxFails {
  readonly #deps: MaxFailsDeps;
  #config: MaxFailsConfig | null = null;
  readonly #watched = new Map<string, Watched>();

  constructor(deps: MaxFailsDeps) {
    this.#deps = deps;
  }

  get out(): number {
    let out = 0;
    for (const { outSince } of this.#watched.values()) if (outSince !== null) out++;
    return out;
  }

  isOut(key: string): boolean {
    return (this.#watched.get(key)?.outSince ?? null) !== null;
  }

  /** Endpoints that stay keep their failures. Null: nobody is out any more. */
  update(config: MaxFailsConfig | null, cells: ReadonlyMap<string, FailCells>): void {
    this.#config = config;
    if (config === null) this.#allBack();
    for (const key of this.#watched.keys()) if (!cells.has(key)) this.#watched.delete(key);
    for (const [key, own] of cells) {
      if (this.#watched.has(key)) continue;
      this.#watched.set(key, { cells: own, outSince: null, lastActionMs: null, ejections: 0 });
    }
  }

  /** An endpoint has failed so often. @param isLast nobody else would be left: all are used, and all begin anew */
  onFails(key: string, isLast: boolean): void {
    const watched = this.#watched.get(key);
    if (this.#config === null || watched === undefined || watched.outSince !== null) return;
    if (isLast) {
      watched.cells.clear();
      this.#allBack();
      return;
    }
    const ms = this.#deps.now();
    const sinceMs = watched.lastActionMs === null ? null : ms - watched.lastActionMs;
    watched.outSince = { ms };
    watched.lastActionMs = ms;
    const ejections = ++watched.ejections;
    this.#deps.onEjected(key, true);
    const measured = { failures: watched.cells.count };
    this.#deps.onEvent({ action: 'eject', key, type: 'MAX_FAILS', enforced: true, ejections, sinceMs, measured });
    this.#tryLater(key, watched, watched.outSince, this.#config.windowMs);
  }

  /** A request that tried it went well. */
  onRecovered(key: string): void {
    const watched = this.#watched.get(key);
    if (watched !== undefined) this.#back(key, watched);
  }

  #tryLater(key: string, watched: Watched, since: Watched['outSince'], ms: number): void {
    const { now, setTimer, onTrial } = this.#deps;
    setTimer(() => {
      if (watched.outSince !== since || this.#config === null || this.#watched.get(key) !== watched) return;
      const { windowMs } = this.#config;
      const leftMs = watched.cells.checkedAtMs + windowMs - now();
      if (leftMs >= 0) {
        // it failed again, or is being tried
        this.#tryLater(key, watched, since, leftMs);
        return;
      }
      watched.cells.offerTrial();
      onTrial(key);
      this.#tryLater(key, watched, since, windowMs);
    }, ms + 1);
  }

  #back(key: string, watched: Watched): void {
    const { outSince } = watched;
    if (outSince === null) return;
    const nowMs = this.#deps.now();
    watched.outSince = null;
    watched.lastActionMs = nowMs;
    this.#deps.onEjected(key, false);
    this.#deps.onEvent({ action: 'uneject', key, ejections: watched.ejections, sinceMs: nowMs - outSince.ms });
  }

  #allBack(): void {
    for (const [key, watched] of this.#watched) {
      if (watched.outSince === null) continue;
      watched.cells.clear();
      this.#back(key, watched);
    }
  }
}
