/** Localities take turns by their weights, less what of them is not well; each has an order of its own. */
import type { BalanceConfig } from '../model/config.ts';
import type { Candidate, Standing, World } from './candidate.ts';
import { EdfQueue } from './edf.ts';
import { placesOf } from './places.ts';
import { type Source, Sources } from './source.ts';

export class WeightedPlaces<C extends Candidate> {
  readonly #standing: Standing;
  readonly #world: World;
  readonly #sources = new Sources<C>();
  #inTurn: readonly Source<C>[] = [];
  #queue: EdfQueue | null = null;

  /** @param standing of those who are picked */
  constructor(standing: Standing, world: World) {
    this.#standing = standing;
    this.#world = world;
  }

  /** False: no locality has both weight and somebody to pick. */
  get isUsable(): boolean {
    return this.#queue !== null;
  }

  fill(candidates: readonly C[], overprovisioningPercent: number): void {
    const entries = placesOf(candidates, this.#world.zone)
      .map(({ name, locality, members }) => {
        const eligible = members.filter(({ standing }) => standing === this.#standing);
        const excluded = members.filter(({ standing }) => standing === 'excluded').length;
        const counts = { eligible: eligible.length, counted: members.length - excluded };
        return { name, members: eligible, weight: effectiveWeight(locality.weight, counts, overprovisioningPercent) };
      })
      .filter(({ weight }) => weight > 0);
    this.#inTurn = this.#sources.fill(entries);
    this.#queue = entries.length === 0 ? null : new EdfQueue(entries.length, (index) => entries[index]!.weight);
    this.#queue?.startAnywhere(this.#world.random);
  }

  pick(balance: BalanceConfig): C | null {
    return this.#queue === null ? null : this.#inTurn[this.#queue.pick()]!.pick(balance, this.#world);
  }
}

/** A locality keeps its whole weight as long as 1 of 1.4 of its endpoints is well (with 140 percent). */
export function effectiveWeight(
  weight: number,
  { eligible, counted }: { readonly eligible: number; readonly counted: number },
  overprovisioningPercent: number,
): number {
  return counted === 0 ? 0 : weight * Math.min(1, (overprovisioningPercent / 100) * (eligible / counted));
}
