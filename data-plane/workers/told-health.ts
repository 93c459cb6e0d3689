/** Health checks that the main thread makes for all workers: each change of an endpoint's state is told once. */
import type { ClusterConfig } from '../model/config.ts';
import type { MakeChecks } from '../runtime/checks.ts';
import { checkedKeys } from './checked-keys.ts';
import type { CheckedState, CheckedStates } from './messages.ts';

export type TellHealth = (cluster: string, key: string, state: CheckedState) => void;

export class ToldHealth {
  readonly #tell: TellHealth;
  readonly #states = new Map<string, Map<string, CheckedState>>();

  constructor(tell: TellHealth) {
    this.#tell = tell;
  }

  /** All that was told, for who begins now. */
  get states(): CheckedStates {
    return this.#states;
  }

  /** Checks as `make` makes them, told. */
  telling(make: MakeChecks): MakeChecks {
    return (config, stats, onOutcome) => {
      const { name } = config;
      const told = new Map<string, CheckedState>();
      this.#states.set(name, told);
      const checks = make(config, stats, (key, passed) => {
        onOutcome(key, passed);
        const state = checks.stateOf(key);
        if (state === undefined || state === 'pending' || told.get(key) === state) return;
        told.set(key, state);
        this.#tell(name, key, state);
      });
      return {
        get firstRound() {
          return checks.firstRound;
        },
        stateOf: (key) => checks.stateOf(key),
        failureOf: (key) => checks.failureOf(key),
        update: (check, endpoints) => {
          checks.update(check, endpoints);
          forget(told, endpoints);
        },
        stop: () => {
          checks.stop();
          if (this.#states.get(name) === told) this.#states.delete(name);
        },
      };
    };
  }
}

function forget(told: Map<string, CheckedState>, endpoints: ClusterConfig['endpoints']): void {
  const kept = checkedKeys(endpoints);
  for (const key of told.keys()) if (!kept.has(key)) told.delete(key);
}
