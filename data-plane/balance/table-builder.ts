/** Builds large hash tables beside the forwarding, a slice of each turn of the loop, one table after the other. */
import type { HashTable, TableSteps } from '../../proto/hashing/hash-table.ts';
import { limits } from './limits.ts';

export interface TableBuilderDeps {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Calls back in the next turn of the loop, after whatever has come in. */
  readonly soon: (callback: () => void) => void;
}

interface Build {
  readonly steps: TableSteps;
  readonly done: (table: HashTable) => void;
}

export class TableBuilder {
  readonly #deps: TableBuilderDeps;
  readonly #builds: Build[] = [];
  /** Who waits for all of them. */
  readonly #waiting: (() => void)[] = [];
  #sliceIsDue = false;

  constructor(deps: TableBuilderDeps) {
    this.#deps = deps;
  }

  /**
   * A small table is handed to `done` before this returns, a large one later.
   * @returns what gives up the build, if it still goes on
   */
  build(steps: TableSteps, done: (table: HashTable) => void): () => void {
    for (let taken = 0; taken < limits.stepsAtOnce; taken++) {
      const step = steps.next();
      if (step.done) {
        done(step.value);
        return () => {};
      }
    }
    const build = { steps, done };
    this.#builds.push(build);
    this.#goOn();
    return () => {
      const index = this.#builds.indexOf(build);
      if (index >= 0) this.#builds.splice(index, 1);
    };
  }

  /** Kept when nothing is left to build. */
  whenIdle(): Promise<void> {
    return this.#builds.length === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** One slice a turn, also when builds are given up and others begin. */
  #goOn(): void {
    if (this.#sliceIsDue) return;
    this.#sliceIsDue = true;
    this.#deps.soon(this.#slice);
  }

  readonly #slice = (): void => {
    this.#sliceIsDue = false;
    const { now } = this.#deps;
    const endMs = now() + limits.sliceMs;
    do {
      const build = this.#builds[0];
      if (build === undefined) break;
      const step = build.steps.next();
      if (step.done) {
        this.#builds.shift();
        build.done(step.value);
      }
    } while (now() < endMs);
    if (this.#builds.length > 0) {
      this.#goOn();
      return;
    }
    for (const resolve of this.#waiting.splice(0)) resolve();
  };
}
