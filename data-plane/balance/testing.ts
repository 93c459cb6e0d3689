/** For tests: endpoints that are what they are told to be, and turns of the loop that come when they are told to. */
import type { EndpointConfig } from '../model/config.ts';
import { endpointOf } from '../testing.ts';
import type { Candidate, PickStats, Standing } from './candidate.ts';
import type { TableBuilderDeps } from './table-builder.ts';
import { TrackRecord } from './track-record.ts';

export class TestEndpoint implements Candidate {
  readonly name: string;
  config: EndpointConfig;
  active = 0;
  wellSinceMs = 0;
  backAtMs = Number.NEGATIVE_INFINITY;
  readonly record = new TrackRecord();
  is: Standing = 'healthy';
  /** How often its standing was looked at. */
  looks = 0;

  constructor(name: string, rest: Partial<EndpointConfig> = {}) {
    this.name = name;
    this.config = { ...endpointOf(1, rest), key: name };
  }

  get standing(): Standing {
    this.looks++;
    return this.is;
  }
}

/** `a0`, `a1` and so on. */
export function testEndpoints(prefix: string, count: number, rest: Partial<EndpointConfig> = {}): TestEndpoint[] {
  return Array.from({ length: count }, (_, index) => new TestEndpoint(`${prefix}${index}`, rest));
}

export function pickStats(): PickStats {
  return {
    lbHealthyPanic: { value: 0 },
    lbRecalculateZoneStructures: { value: 0 },
    lbZoneClusterTooSmall: { value: 0 },
    lbZoneRoutingAllDirectly: { value: 0 },
    lbZoneRoutingSampled: { value: 0 },
    lbZoneRoutingCrossZone: { value: 0 },
    lbZoneNoCapacityLeft: { value: 0 },
  };
}

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
