/** Zone-aware picks: in this node's own zone first, as far as that keeps endpoints equally loaded. */
import type { BalanceConfig } from '../model/config.ts';
import type { Candidate, PickStats, World } from './candidate.ts';
import { zonesOf } from './places.ts';
import { type Source, Sources } from './source.ts';
import { residualZone, staysHere, type ZoneRouting, zoneRouting } from './zone-routing.ts';

export class OwnZone<C extends Candidate> {
  readonly #world: World;
  readonly #stats: PickStats;
  readonly #sources = new Sources<C>();
  #inOrder: readonly Source<C>[] = [];
  #routing: ZoneRouting | null = null;
  #percent = 100;

  constructor(world: World, stats: PickStats) {
    this.#world = world;
    this.#stats = stats;
  }

  /** @param candidates of all standings: also a zone where nobody is well is one */
  fill(candidates: readonly C[], { localities }: BalanceConfig): void {
    this.#routing = null;
    if (localities.type !== 'zone-aware' || this.#world.zone === '') return;
    this.#stats.lbRecalculateZoneStructures.value++;
    const zones = zonesOf(candidates, this.#world.zone).map(({ name, members }) => {
      return { name, members: members.filter(({ standing }) => standing === 'healthy') };
    });
    if (zones.length < 2) return;
    const healthy = zones.map(({ members }) => members.length);
    if (healthy.reduce((sum, count) => sum + count, 0) < localities.minEndpoints) {
      this.#stats.lbZoneClusterTooSmall.value++;
      return;
    }
    const hasOwn = zones[0]!.name === this.#world.zone;
    // how the nodes are spread is not known: as many are taken to be in each zone, this node's own included
    const nodes = zones.map(() => 1);
    this.#routing = zoneRouting(healthy, hasOwn ? nodes : [...nodes, 1], hasOwn);
    this.#percent = localities.routingPercent;
    this.#inOrder = this.#sources.fill(zones);
  }

  /** Whether this pick goes by zones. */
  get applies(): boolean {
    return this.#routing !== null && (this.#percent >= 100 || this.#world.random() * 100 < this.#percent);
  }

  /** Null: rounding has left no zone over, so any endpoint will do. */
  pick(balance: BalanceConfig): C | null {
    const zone = this.#chooseZone(this.#routing!);
    return zone < 0 ? null : this.#inOrder[zone]!.pick(balance, this.#world);
  }

  #chooseZone(routing: ZoneRouting): number {
    const { random } = this.#world;
    const stats = this.#stats;
    if (routing.residual.length === 0) {
      stats.lbZoneRoutingAllDirectly.value++;
      return 0;
    }
    if (staysHere(routing, random())) {
      stats.lbZoneRoutingSampled.value++;
      return 0;
    }
    stats.lbZoneRoutingCrossZone.value++;
    const zone = residualZone(routing, random());
    if (zone < 0) stats.lbZoneNoCapacityLeft.value++;
    return zone;
  }
}
