/** Health checks as a worker has them: made by the main thread, told by messages, kept here for the clusters to read. */
import type { EndpointConfig, ProxyConfig } from '../model/config.ts';
import type { EndpointChecks, MakeChecks } from '../runtime/checks.ts';
import { checkedKeys } from './checked-keys.ts';
import type { CheckedState, CheckedStates } from './messages.ts';

const none: ReadonlySet<string> = new Set();

export class HealthBook {
  readonly #states = new Map<string, Map<string, CheckedState>>();
  readonly #readers = new Map<string, ToldChecks>();

  constructor(states: CheckedStates) {
    for (const [cluster, told] of states) this.#states.set(cluster, new Map(told));
  }

  /** What a cluster that begins to have its endpoints checked reads. */
  readonly checks: MakeChecks = ({ name, endpoints }, _, onOutcome) => {
    const reader = new ToldChecks(
      (key) => this.#states.get(name)?.get(key),
      endpoints,
      onOutcome,
      () => this.#readers.get(name) === reader && this.#readers.delete(name),
    );
    this.#readers.set(name, reader);
    return reader;
  };

  tell(cluster: string, key: string, state: CheckedState): void {
    let told = this.#states.get(cluster);
    if (told === undefined) this.#states.set(cluster, (told = new Map()));
    told.set(key, state);
    this.#readers.get(cluster)?.told(key);
  }

  /** Forgets what a configuration that was received has not: whoever comes again is checked again. */
  keep({ clusters }: ProxyConfig): void {
    for (const [name, told] of this.#states) {
      const cluster = clusters.get(name);
      const kept = cluster === undefined || cluster.healthCheck === null ? none : checkedKeys(cluster.endpoints);
      for (const key of told.keys()) if (!kept.has(key)) told.delete(key);
      if (told.size === 0) this.#states.delete(name);
    }
  }
}

class ToldChecks implements EndpointChecks {
  readonly #read: (key: string) => CheckedState | undefined;
  readonly #onOutcome: (key: string, passed: boolean) => void;
  readonly #onStop: () => void;
  #keys: ReadonlySet<string> = none;
  /** Those that are not checked. */
  #spared: ReadonlySet<string> = none;
  /** Endpoints without a first outcome. */
  #undecided = new Set<string>();
  /** Who waits for the first round to end. */
  #waiting: (() => void)[] = [];

  constructor(
    read: (key: string) => CheckedState | undefined,
    endpoints: readonly EndpointConfig[],
    onOutcome: (key: string, passed: boolean) => void,
    onStop: () => void,
  ) {
    this.#read = read;
    this.#onOutcome = onOutcome;
    this.#onStop = onStop;
    this.update(null, endpoints);
  }

  get firstRound(): Promise<void> {
    return this.#undecided.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  update(_: unknown, endpoints: readonly EndpointConfig[]): void {
    this.#keys = checkedKeys(endpoints);
    this.#spared = new Set(endpoints.flatMap(({ key }) => (this.#keys.has(key) ? [] : key)));
    this.#undecided = new Set([...this.#keys].filter((key) => this.#read(key) === undefined));
    this.#goOn();
  }

  stateOf(key: string): CheckedState | 'pending' | undefined {
    if (this.#spared.has(key)) return 'passing';
    return this.#keys.has(key) ? (this.#read(key) ?? 'pending') : undefined;
  }

  /** The main thread knows. */
  failureOf(): string {
    return '';
  }

  stop(): void {
    this.#onStop();
    this.update(null, []);
  }

  told(key: string): void {
    if (!this.#keys.has(key)) return;
    this.#onOutcome(key, this.#read(key) === 'passing');
    this.#undecided.delete(key);
    this.#goOn();
  }

  #goOn(): void {
    if (this.#undecided.size > 0) return;
    for (const goOn of this.#waiting) goOn();
    this.#waiting = [];
  }
}
