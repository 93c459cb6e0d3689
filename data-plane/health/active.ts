/** Active health checks of the endpoints of a cluster: who is asked when, and what came of it. */
import type { EndpointConfig, HealthCheckConfig } from '../model/config.ts';
import { type EndpointHealth, judge, unchecked } from './endpoint-health.ts';
import { type Outcome, type ProbeDeps, type ProbeTarget, probe } from './probe.ts';

export interface HealthDeps extends ProbeDeps {
  /** 0 ≤ x < 1 */
  readonly random: () => number;
}

/** Checks one endpoint: at once, then an interval (and its jitter) after each outcome. */
export class ActiveHealthChecker {
  readonly target: ProbeTarget;
  readonly #deps: HealthDeps;
  readonly #onOutcome: (outcome: Outcome, before: EndpointHealth, after: EndpointHealth) => void;
  #config: HealthCheckConfig;
  #health: EndpointHealth = unchecked;
  /** Cancels the check under way. */
  #cancelProbe: (() => void) | null = null;
  /** Cancels the wait for the next check. */
  #cancelWait: (() => void) | null = null;

  constructor(
    target: ProbeTarget,
    config: HealthCheckConfig,
    deps: HealthDeps,
    onOutcome: (outcome: Outcome, before: EndpointHealth, after: EndpointHealth) => void,
  ) {
    this.target = target;
    this.#config = config;
    this.#deps = deps;
    this.#onOutcome = onOutcome;
  }

  get health(): EndpointHealth {
    return this.#health;
  }

  /** Makes a check now. */
  start(): void {
    this.#cancelWait?.();
    this.#cancelWait = null;
    this.#cancelProbe?.();
    this.#cancelProbe = probe(this.#config, this.target, this.#deps, (outcome) => this.#take(outcome));
  }

  /** Takes other settings; what was found out so far stays. A check under way ends as it began. */
  update(config: HealthCheckConfig): void {
    const intervalChanged = config.intervalMs !== this.#config.intervalMs;
    this.#config = config;
    if (this.#cancelWait !== null && intervalChanged) {
      this.#cancelWait();
      this.#wait();
    }
  }

  stop(): void {
    this.#cancelWait?.();
    this.#cancelWait = null;
    this.#cancelProbe?.();
    this.#cancelProbe = null;
  }

  #take(outcome: Outcome): void {
    const before = this.#health;
    this.#health = judge(before, outcome, this.#config);
    this.#wait();
    this.#onOutcome(outcome, before, this.#health);
  }

  #wait(): void {
    const { intervalMs, jitterPercent, jitterMs: mostMs } = this.#config;
    const jitterMs = ((intervalMs * jitterPercent) / 100 + mostMs) * this.#deps.random();
    this.#cancelWait = this.#deps.setTimer(() => this.start(), intervalMs + jitterMs);
  }
}

export interface HealthEvents {
  /** An endpoint began or ceased to pass. None is told for one that fails from the start. */
  readonly onChange: (key: string, passes: boolean) => void;
  /** Every single check, after `onChange`. */
  readonly onOutcome?: ((key: string, outcome: Outcome) => void) | undefined;
}

/** Checks the endpoints of a cluster. An endpoint that stays over an edit keeps its state, also if the settings changed. */
export class ClusterHealthChecker {
  readonly #deps: HealthDeps;
  readonly #events: HealthEvents;
  readonly #checkers = new Map<string, ActiveHealthChecker>();
  #config: HealthCheckConfig;
  /** Who waits for the first round to end. */
  readonly #waiting: (() => void)[] = [];

  constructor(config: HealthCheckConfig, endpoints: readonly EndpointConfig[], deps: HealthDeps, events: HealthEvents) {
    this.#config = config;
    this.#deps = deps;
    this.#events = events;
    this.update(config, endpoints);
  }

  /** Kept once every endpoint, as they are then, had its first outcome (or left). */
  get firstRound(): Promise<void> {
    return this.#isDecided() ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Endpoints are told apart by their key. Only new ones start from nothing. */
  update(config: HealthCheckConfig, endpoints: readonly EndpointConfig[]): void {
    const gone = new Set(this.#checkers.keys());
    const joined: ActiveHealthChecker[] = [];
    for (const endpoint of endpoints) {
      if (gone.delete(endpoint.key) || this.#checkers.has(endpoint.key)) continue;
      const checker = this.#createChecker(endpoint, config);
      this.#checkers.set(endpoint.key, checker);
      joined.push(checker);
    }
    for (const key of gone) {
      this.#checkers.get(key)!.stop();
      this.#checkers.delete(key);
    }
    if (config !== this.#config) {
      this.#config = config;
      for (const checker of this.#checkers.values()) checker.update(config);
    }
    for (const checker of joined) checker.start();
    this.#checkFirstRound();
  }

  /** `undefined`: no such endpoint. */
  stateOf(key: string): EndpointHealth['state'] | undefined {
    return this.#checkers.get(key)?.health.state;
  }

  stop(): void {
    for (const checker of this.#checkers.values()) checker.stop();
    this.#checkers.clear();
    this.#checkFirstRound();
  }

  #createChecker(endpoint: EndpointConfig, config: HealthCheckConfig): ActiveHealthChecker {
    const { key } = endpoint;
    return new ActiveHealthChecker(endpoint, config, this.#deps, (outcome, before, after) => {
      const passes = after.state === 'passing';
      if (passes !== (before.state === 'passing')) this.#events.onChange(key, passes);
      this.#events.onOutcome?.(key, outcome);
      if (before.state === 'pending') this.#checkFirstRound();
    });
  }

  #checkFirstRound(): void {
    if (this.#isDecided()) for (const goOn of this.#waiting.splice(0)) goOn();
  }

  #isDecided(): boolean {
    for (const checker of this.#checkers.values()) if (checker.health.state === 'pending') return false;
    return true;
  }
}
