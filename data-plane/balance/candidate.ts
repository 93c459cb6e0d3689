/** What balancing sees of an endpoint, and of the world. */
import type { LocalityConfig } from '../model/config.ts';

/** `excluded`: not checked yet, so it counts neither for its priority nor against it. `out`: used in panic only. */
export type Standing = 'healthy' | 'degraded' | 'excluded' | 'out';

export interface Candidate {
  /** 1 or more. */
  readonly weight: number;
  readonly locality: LocalityConfig;
  readonly standing: Standing;
  /** Requests (TCP: connections) under way. */
  readonly active: number;
}

export interface World {
  /** 0 ≤ x < 1 */
  readonly random: () => number;
}

/** An order of some endpoints. */
export interface Order<C> {
  /** Null: there are none. */
  pick(): C | null;
}
