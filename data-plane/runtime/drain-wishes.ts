/** Who wants this node to drain, and until when. It serves as ever once nobody does. */
import type { ProxyNode } from './node.ts';

/** The control plane orders it, a person on this machine asks for it, or the node is about to stop. */
export type DrainWisher = 'control plane' | 'admin' | 'stop';

interface Wish {
  readonly timeoutMs: number;
  readonly untilMs: number;
}

export class DrainWishes {
  readonly #node: Pick<ProxyNode, 'announce' | 'resume'>;
  readonly #now: () => number;
  readonly #wishes = new Map<DrainWisher, Wish>();
  /** When the time of the drain under way is over; null: there is none. */
  #untilMs: number | null = null;

  /** @param now monotonic milliseconds */
  constructor(node: Pick<ProxyNode, 'announce' | 'resume'>, now: () => number) {
    this.#node = node;
    this.#now = now;
  }

  /** The same again changes nothing; another time counts from now on. False: nothing has changed. */
  add(wisher: DrainWisher, timeoutMs: number): boolean {
    if (this.#wishes.get(wisher)?.timeoutMs === timeoutMs) return false;
    this.#wishes.set(wisher, { timeoutMs, untilMs: this.#now() + timeoutMs });
    this.#apply();
    return true;
  }

  /** False: there was none. */
  drop(wisher: DrainWisher): boolean {
    if (!this.#wishes.delete(wisher)) return false;
    this.#apply();
    return true;
  }

  has(wisher: DrainWisher): boolean {
    return this.#wishes.has(wisher);
  }

  /** The shortest time counts. */
  #apply(): void {
    const ends = [...this.#wishes.values()].map(({ untilMs }) => untilMs);
    const untilMs = ends.length === 0 ? null : Math.min(...ends);
    if (untilMs === this.#untilMs) return;
    this.#untilMs = untilMs;
    if (untilMs === null) this.#node.resume();
    else this.#node.announce(Math.max(0, untilMs - this.#now()));
  }
}
