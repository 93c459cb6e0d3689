/** Active health checks of the endpoints of a cluster: who is asked when, and what came of it. */
import type { EndpointConfig, HealthCheckConfig } from '../model/config.ts';
import { waitMs, waitsChanged } from './check-wait.ts';
import { type EndpointHealth, judge, unchecked } from './endpoint-health.ts';
import { isPass, type Outcome } from './outcome.ts';
import { type ProbeDeps, type ProbeTarget, probe } from './probe.ts';

export interface HealthDeps extends ProbeDeps {
  /** 0 ≤ x < 1 */
  readonly random: () => number;
}

/** Told of every check of an endpoint. */
export type OnOutcome = (outcome: Outcome, before: EndpointHealth, after: EndpointHealth) => void;

/** Checks one endpoint: at once (or within the initial jitter), then a while after each outcome. */
class ActiveHealthChecker {
  #target: ProbeTarget;
  readonly #deps: HealthDeps;
  readonly #hasTraffic: () => boolean;
  readonly #onOutcome: OnOutcome;
  #config: HealthCheckConfig;
  #health: EndpointHealth = unchecked;
  /** Why the last check that did not pass did not; empty: none did. */
  #failure = '';
  /** Cancels the check under way. */
  #cancelProbe: (() => void) | null = null;
  /** Cancels the wait for the next check. */
  #cancelWait: (() => void) | null = null;

  constructor(
    target: ProbeTarget,
    config: HealthCheckConfig,
    deps: HealthDeps,
    hasTraffic: () => boolean,
    onOutcome: OnOutcome,
  ) {
    this.#target = target;
    this.#config = config;
    this.#deps = deps;
    this.#hasTraffic = hasTraffic;
    this.#onOutcome = onOutcome;
  }

  get health(): EndpointHealth {
    return this.#health;
  }

  get failure(): string {
    return this.#failure;
  }

  start(): void {
    const { initialJitterMs } = this.#config;
    if (initialJitterMs === 0) this.#check();
    else this.#checkAfter(initialJitterMs * this.#deps.random());
  }

  /** Takes other settings; what was found out so far stays. A check under way ends as it began. */
  update(target: ProbeTarget, config: HealthCheckConfig): void {
    const waitChanged = waitsChanged(this.#config, config);
    this.#target = target;
    this.#config = config;
    if (this.#cancelWait !== null && waitChanged && this.#health.state !== 'pending') {
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

  #check(): void {
    this.#cancelWait = null;
    this.#cancelProbe = probe(this.#config, this.#target, this.#deps, (outcome) => this.#take(outcome));
  }

  #take(outcome: Outcome): void {
    const before = this.#health;
    this.#health = judge(before, outcome, this.#config);
    if (!isPass(outcome)) this.#failure = outcome.reason;
    this.#wait();
    this.#onOutcome(outcome, before, this.#health);
  }

  #wait(): void {
    const { random } = this.#deps;
    this.#checkAfter(waitMs(this.#config, { health: this.#health, hasTraffic: this.#hasTraffic(), random }));
  }

  #checkAfter(ms: number): void {
    this.#cancelWait = this.#deps.setTimer(() => this.#check(), ms);
  }
}

export interface ClusterToCheck {
  readonly healthCheck: HealthCheckConfig;
  readonly endpoints: readonly EndpointConfig[];
  /** The cluster has had traffic, once. */
  readonly hasTraffic: () => boolean;
  /** Told of every check, before the first round is over. */
  readonly onOutcome: (key: string, ...args: Parameters<OnOutcome>) => void;
}

/** Checks the endpoints of a cluster. An endpoint that stays over an edit keeps its state, also if the settings changed. */
export class ClusterHealthChecker {
  readonly #cluster: ClusterToCheck;
  readonly #deps: HealthDeps;
  readonly #checkers = new Map<string, ActiveHealthChecker>();
  /** Those that are not to be checked. */
  #spared: ReadonlySet<string> = new Set();
  /** Who waits for the first round to end. */
  readonly #waiting: (() => void)[] = [];

  constructor(cluster: ClusterToCheck, deps: HealthDeps) {
    this.#cluster = cluster;
    this.#deps = deps;
    this.update(cluster.healthCheck, cluster.endpoints);
  }

  /** Kept once every endpoint, as they are then, had its first outcome (or left). */
  get firstRound(): Promise<void> {
    return this.#isDecided() ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Endpoints are told apart by their key. Only new ones start from nothing. */
  update(config: HealthCheckConfig, endpoints: readonly EndpointConfig[]): void {
    const gone = new Set(this.#checkers.keys());
    const joined: ActiveHealthChecker[] = [];
    const spared = new Set<string>();
    for (const endpoint of endpoints) {
      const { key } = endpoint;
      if (endpoint.healthCheck?.disabled === true) {
        spared.add(key);
        continue;
      }
      gone.delete(key);
      const known = this.#checkers.get(key);
      if (known !== undefined) {
        known.update(targetOf(endpoint), configOf(config, endpoint));
        continue;
      }
      const checker = this.#createChecker(endpoint, config);
      this.#checkers.set(key, checker);
      joined.push(checker);
    }
    this.#spared = spared;
    for (const key of gone) {
      this.#checkers.get(key)!.stop();
      this.#checkers.delete(key);
    }
    for (const checker of joined) checker.start();
    this.#checkFirstRound();
  }

  /** `undefined`: no such endpoint. */
  stateOf(key: string): EndpointHealth['state'] | undefined {
    return this.#spared.has(key) ? 'passing' : this.#checkers.get(key)?.health.state;
  }

  /** Why an endpoint failed the last time; empty: it never did. */
  failureOf(key: string): string {
    return this.#checkers.get(key)?.failure ?? '';
  }

  stop(): void {
    for (const checker of this.#checkers.values()) checker.stop();
    this.#checkers.clear();
    this.#checkFirstRound();
  }

  #createChecker(endpoint: EndpointConfig, config: HealthCheckConfig): ActiveHealthChecker {
    const { hasTraffic, onOutcome } = this.#cluster;
    const { key } = endpoint;
    const [target, own] = [targetOf(endpoint), configOf(config, endpoint)];
    return new ActiveHealthChecker(target, own, this.#deps, hasTraffic, (outcome, before, after) => {
      onOutcome(key, outcome, before, after);
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

/** An endpoint may be checked elsewhere than it serves. */
function targetOf({ address, port, others, healthCheck }: EndpointConfig): ProbeTarget {
  const own = healthCheck?.address ?? '';
  const place = own === '' ? { address, ...(others && { others }) } : { address: own };
  return { ...place, port: healthCheck?.port || port };
}

/** An endpoint may be asked under a host of its own. */
function configOf(config: HealthCheckConfig, { healthCheck }: EndpointConfig): HealthCheckConfig {
  const host = healthCheck?.hostname ?? '';
  const { check } = config;
  if (host === '' || check.type === 'tcp') return config;
  return { ...config, check: check.type === 'http' ? { ...check, host } : { ...check, authority: host } };
}
