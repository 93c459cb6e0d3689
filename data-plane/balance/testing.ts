/** For tests: turns of the loop that come when they are told to. */
import type { TableBuilderDeps } from './table-builder.ts';

export class TestTurns implements TableBuilderDeps {
  nowMs = 0;
  readonly #callbacks: (() => void)[] = [];
  readonly now = (): number => this.nowMs;
  readonly soon = (callback: () => void): void => {
    this.#callbacks.push(callback);
  };

  get waiting(): number {
    return this.#callbacks.length;
  }

  next(): void {
    this.#callbacks.shift()?.();
  }

  nextAll(): void {
    while (this.waiting > 0) this.next();
  }
}
