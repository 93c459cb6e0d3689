/** Who wants this node to drain, and until when. It serves as ever once nobody does. */
import type { ProxyNode } from './node.ts';

/** The control plane orders it, a person on this machine asks for it, or the node is about to stop. */
export type DrainWisher = 'control plane' | 'admin' | 'stop';

/** A replica that tells how much time is left tells it a moment late. */
const sameMs = 1_000;

export class DrainWishes {
  readonly #node: Pick<ProxyNode, 'announce' | 'resume'>;
  readonly #now: () => number;
  /** When the time of each is over. */
  readonly #wishes = new Map<DrainWisher, number>();
  /** When the time of the drain under way is over; null: there is none. */
  #untilMs: number | null = null;

  /** @param now monotonic milliseconds */
  constructor(node: Pick<ProxyNode, 'announce' | 'resume'>, now: () => number) {
    this.#node = node;
    this.#now = now;
  }

  /** @param timeoutMs from now on. False: it would be over when it is over anyway, so that nothing has changed */
  add(wisher: DrainWisher, timeoutMs: number): boolean {
    const nowMs = this.#now();
    const untilMs = nowMs + timeoutMs;
    const before = this.#wishes.get(wisher);
    if (before !== undefined && Math.abs(Math.max(before, nowMs) - untilMs) < sameMs) return false;
    this.#wishes.set(wisher, untilMs);
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
    const untilMs = this.#wishes.size === 0 ? null : Math.min(...this.#wishes.values());
    if (untilMs === this.#untilMs) return;
    this.#untilMs = untilMs;
    if (untilMs === null) this.#node.resume();
    else this.#node.announce(Math.max(0, untilMs - this.#now()));
  }
}
