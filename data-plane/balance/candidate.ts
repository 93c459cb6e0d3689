/** What balancing sees of an endpoint, and of the world. */
import type { EndpointConfig } from '../model/config.ts';
import type { TableBuilder } from './table-builder.ts';
import type { TrackRecord } from './track-record.ts';

/**
 * `excluded`: not checked yet, or draining, so it counts neither for its priority nor against it. Like `out` it is used in
 * panic only.
 */
export type Standing = 'healthy' | 'degraded' | 'excluded' | 'out';

export interface Candidate {
  readonly config: EndpointConfig;
  readonly standing: Standing;
  /** Requests (TCP: connections) under way. */
  readonly active: number;
  /** When it joined or, where checks are made, last began to pass them. */
  readonly wellSinceMs: number;
  /** When it was taken back after it had failed its checks or had been ejected; -Infinity: never. */
  readonly backAtMs: number;
  readonly record: TrackRecord;
}

export interface World {
  /** 0 ≤ x < 1 */
  readonly random: () => number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Where this node stands; empty: it was not told. */
  readonly zone: string;
  /** Null: nobody picks here, so no tables are built. */
  readonly tables: TableBuilder | null;
}

/** An order of some endpoints. */
export interface Order<C> {
  /** Null: there are none. */
  pick(): C | null;
}

/** What picks count, under Envoy's names. */
export type PickStats = Readonly<
  Record<
    | 'lbHealthyPanic'
    | 'lbRecalculateZoneStructures'
    | 'lbZoneClusterTooSmall'
    | 'lbZoneRoutingAllDirectly'
    | 'lbZoneRoutingSampled'
    | 'lbZoneRoutingCrossZone'
    | 'lbZoneNoCapacityLeft',
    { value: number }
  >
>;
