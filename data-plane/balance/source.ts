/** Endpoints with an order, which is made when it is first asked for. */
import type { BalanceConfig } from '../model/config.ts';
import type { Candidate, Order, World } from './candidate.ts';
import { createOrder, type Turn } from './orders.ts';

export class Source<C extends Candidate> {
  readonly #turn: Turn = { next: -1 };
  #candidates: readonly C[] = [];
  #order: Order<C> | null = null;

  fill(candidates: readonly C[]): void {
    this.#candidates = candidates;
    this.#order = null;
  }

  pick(balance: BalanceConfig, world: World): C | null {
    this.#order ??= createOrder(balance, this.#candidates, this.#turn, world);
    return this.#order.pick();
  }
}

/** Sources by name; those that are gone are forgotten. */
export class Sources<C extends Candidate> {
  #byName = new Map<string, Source<C>>();

  /** @returns in the order given */
  fill(groups: readonly { readonly name: string; readonly members: readonly C[] }[]): Source<C>[] {
    const filled = new Map<string, Source<C>>();
    for (const { name, members } of groups) {
      const source = this.#byName.get(name) ?? new Source<C>();
      source.fill(members);
      filled.set(name, source);
    }
    this.#byName = filled;
    return [...filled.values()];
  }
}
