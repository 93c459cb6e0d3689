/** Who of some endpoints that may all be used is picked next, by the policy of their cluster. A pick allocates nothing. */
import type { BalanceConfig, LeastRequestConfig } from '../model/config.ts';
import type { Candidate, Order, World } from './candidate.ts';
import { EdfQueue } from './edf.ts';
import { slowStartFactor } from './slow-start.ts';
import { LeastCost } from './utilization.ts';

/** Where a round robin stands; it goes on there when its endpoints change. */
export interface Turn {
  /** -1: not begun. */
  next: number;
}

type WeightOf<C> = (candidate: C) => number;

export function createOrder<C extends Candidate>(
  balance: BalanceConfig,
  candidates: readonly C[],
  turn: Turn,
  world: World,
): Order<C> {
  if (candidates.length === 0) return { pick: () => null };
  if (candidates.length === 1) return { pick: () => candidates[0]! };
  const { policy } = balance;
  switch (policy.type) {
    case 'round-robin': {
      const weighted = hasWeights(candidates) || hasBeginners(balance, candidates, world);
      if (!weighted) return new RoundRobin(candidates, turn, world);
      return new Weighted(
        candidates,
        slowed(balance, ({ config }) => config.weight, world),
        world,
      );
    }
    case 'least-request': {
      const weighted = hasWeights(candidates) || hasBeginners(balance, candidates, world);
      if (weighted || policy.activeRequestBias !== null) {
        return new Weighted(candidates, slowed(balance, lessByLoad(policy), world), world);
      }
      return policy.fullScan
        ? new LeastOfAll(candidates, world)
        : new LeastOfSamples(candidates, policy.choices, world);
    }
    case 'utilization':
      return new LeastCost(policy, balance.slowStart, candidates, world);
    case 'random':
    case 'ring-hash':
    case 'maglev':
      return new Chance(candidates, world);
  }
}

function hasWeights(candidates: readonly Candidate[]): boolean {
  const { weight } = candidates[0]!.config;
  return candidates.some(({ config }) => config.weight !== weight);
}

/** Somebody is in slow start. What is made for them serves on when they have come through, as in Envoy. */
function hasBeginners({ slowStart }: BalanceConfig, candidates: readonly Candidate[], { now }: World): boolean {
  if (slowStart === null) return false;
  const sinceMs = now() - slowStart.windowMs;
  return candidates.some(({ wellSinceMs }) => wellSinceMs > sinceMs);
}

function slowed<C extends Candidate>({ slowStart }: BalanceConfig, weightOf: WeightOf<C>, { now }: World): WeightOf<C> {
  if (slowStart === null) return weightOf;
  return (candidate) => weightOf(candidate) * slowStartFactor(slowStart, candidate, now());
}

function lessByLoad({ activeRequestBias: bias }: LeastRequestConfig): WeightOf<Candidate> {
  if (bias === 0) return ({ config }) => config.weight;
  if (bias === null || bias === 1) return ({ config, active }) => config.weight / (active + 1);
  return ({ config, active }) => config.weight / (active + 1) ** bias;
}

class RoundRobin<C> implements Order<C> {
  readonly #candidates: readonly C[];
  readonly #turn: Turn;

  constructor(candidates: readonly C[], turn: Turn, { random }: World) {
    this.#candidates = candidates;
    this.#turn = turn;
    // a start that differs from proxy to proxy keeps a fleet that was configured at once from picking in step
    if (turn.next < 0) turn.next = Math.floor(random() * candidates.length);
  }

  pick(): C {
    const turn = this.#turn;
    const candidates = this.#candidates;
    const index = turn.next % candidates.length;
    turn.next = index + 1;
    return candidates[index]!;
  }
}

/** Each gets a share that its weight has in all, evenly spread. The weight is asked anew after each pick. */
class Weighted<C extends Candidate> implements Order<C> {
  readonly #candidates: readonly C[];
  readonly #queue: EdfQueue;

  constructor(candidates: readonly C[], weightOf: WeightOf<C>, { random }: World) {
    this.#candidates = candidates;
    this.#queue = new EdfQueue(candidates.length, (index) => weightOf(candidates[index]!));
    this.#queue.startAnywhere(random);
  }

  pick(): C {
    return this.#candidates[this.#queue.pick()]!;
  }
}

class Chance<C> implements Order<C> {
  readonly #candidates: readonly C[];
  readonly #random: () => number;

  constructor(candidates: readonly C[], { random }: World) {
    this.#candidates = candidates;
    this.#random = random;
  }

  pick(): C {
    return this.#candidates[Math.floor(this.#random() * this.#candidates.length)]!;
  }
}

/** The least loaded of a few sampled with replacement; of equals the first sampled. */
class LeastOfSamples<C extends Candidate> implements Order<C> {
  readonly #candidates: readonly C[];
  readonly #choices: number;
  readonly #random: () => number;

  constructor(candidates: readonly C[], choices: number, { random }: World) {
    this.#candidates = candidates;
    this.#choices = choices;
    this.#random = random;
  }

  pick(): C {
    const candidates = this.#candidates;
    const count = candidates.length;
    let best = candidates[Math.floor(this.#random() * count)]!;
    let least = best.active;
    for (let sample = 1; sample < this.#choices; sample++) {
      const other = candidates[Math.floor(this.#random() * count)]!;
      const load = other.active;
      if (load < least) {
        best = other;
        least = load;
      }
    }
    return best;
  }
}

/** The least loaded of all; of equals any, each as likely. */
class LeastOfAll<C extends Candidate> implements Order<C> {
  readonly #candidates: readonly C[];
  readonly #random: () => number;

  constructor(candidates: readonly C[], { random }: World) {
    this.#candidates = candidates;
    this.#random = random;
  }

  pick(): C {
    const candidates = this.#candidates;
    let best = candidates[0]!;
    let least = best.active;
    let equals = 1;
    for (let index = 1; index < candidates.length; index++) {
      const other = candidates[index]!;
      const load = other.active;
      if (load > least) continue;
      equals = load < least ? 1 : equals + 1;
      // of so many equals this one replaces the one before with its share, so that in the end all have the same chance
      if (equals === 1 || this.#random() * equals < 1) best = other;
      least = load;
    }
    return best;
  }
}
