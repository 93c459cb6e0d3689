/**
 * Utilisation-aware choice of a few: what an endpoint would cost is the requests that would be under way there, times how
 * much slower it is for being busy, times how many tries a request takes there, and in its zone.
 *
 *   cost = (active + 1) / weight × 1 / (1 − utilisation) × 1 / (share of its requests that went well of late × its zone's)
 *
 * The middle part is how waiting grows with the utilisation of a server. A server that answers errors fast has little under
 * way, and must not look good for it: that is what the last part is for. Zuul 2's choice of two is the model.
 */
import type { BalanceConfig, UtilizationConfig } from '../model/config.ts';
import type { Candidate, Order, World } from './candidate.ts';
import { limits } from './limits.ts';
import { slowStartFactor } from './slow-start.ts';
import type { TrackRecord } from './track-record.ts';

/** Of whoever says nothing: neither better nor worse than those that do. */
const unknownUtilization = 0.5;
/** Beyond it an endpoint costs no more: 20 times as much as an idle one. */
const mostUtilization = 0.95;
const leastSuccessShare = 0.05;

type Costly = Pick<Candidate, 'config' | 'active' | 'wellSinceMs' | 'record'>;

export function costOf(
  { config, active, wellSinceMs, record }: Costly,
  { reportExpiryMs }: UtilizationConfig,
  slowStart: BalanceConfig['slowStart'],
  nowMs: number,
): number {
  const weight =
    slowStart === null ? config.weight : config.weight * slowStartFactor(slowStart, { wellSinceMs }, nowMs);
  const busy = Math.min(mostUtilization, utilizationOf(record, nowMs - reportExpiryMs));
  const wentWell = record.successShare * (record.zone?.successShare ?? 1);
  return (active + 1) / weight / (1 - busy) / Math.max(leastSuccessShare, wentWell);
}

function utilizationOf({ utilization, reportedAtMs }: TrackRecord, sinceMs: number): number {
  return utilization < 0 || reportedAtMs < sinceMs ? unknownUtilization : utilization;
}

/** It has just failed a request, or has just come back. */
export function isOnProbation(
  { record, backAtMs }: Pick<Candidate, 'record' | 'backAtMs'>,
  probationMs: number,
  nowMs: number,
): boolean {
  return nowMs - Math.max(record.failedAtMs, backAtMs) < probationMs;
}

export class LeastCost<C extends Candidate> implements Order<C> {
  readonly #policy: UtilizationConfig;
  readonly #slowStart: BalanceConfig['slowStart'];
  readonly #candidates: readonly C[];
  readonly #world: World;

  constructor(
    policy: UtilizationConfig,
    slowStart: BalanceConfig['slowStart'],
    candidates: readonly C[],
    world: World,
  ) {
    this.#policy = policy;
    this.#slowStart = slowStart;
    this.#candidates = candidates;
    this.#world = world;
  }

  /** Somebody on probation who has enough already is passed over, as long as there is anybody else. */
  pick(): C {
    const { random, now } = this.#world;
    const candidates = this.#candidates;
    const nowMs = now();
    for (let draw = 0; draw < limits.utilizationDraws; draw++) {
      let best: C | null = null;
      let least = Number.POSITIVE_INFINITY;
      for (let sample = 0; sample < this.#policy.choices; sample++) {
        const drawn = candidates[Math.floor(random() * candidates.length)]!;
        if (!this.#hasRoom(drawn, nowMs)) continue;
        const cost = costOf(drawn, this.#policy, this.#slowStart, nowMs);
        if (cost >= least) continue;
        best = drawn;
        least = cost;
      }
      if (best !== null) return best;
    }
    return this.#leastOfAll(nowMs);
  }

  #hasRoom(candidate: C, nowMs: number): boolean {
    const { probationMs, probationRequests } = this.#policy;
    return candidate.active < probationRequests || !isOnProbation(candidate, probationMs, nowMs);
  }

  /** With room, if anybody has any. */
  #leastOfAll(nowMs: number): C {
    const candidates = this.#candidates;
    let best = candidates[0]!;
    let bestHasRoom = false;
    let least = Number.POSITIVE_INFINITY;
    for (const candidate of candidates) {
      const hasRoom = this.#hasRoom(candidate, nowMs);
      const cost = costOf(candidate, this.#policy, this.#slowStart, nowMs);
      if (hasRoom === bestHasRoom ? cost >= least : bestHasRoom) continue;
      best = candidate;
      bestHasRoom = hasRoom;
      least = cost;
    }
    return best;
  }
}
