/** One name, asked again and again; what was found last stands until an answer says otherwise. */
import type { DnsConfig } from '../model/config.ts';
import type { DnsStats } from '../telemetry/stats.ts';
import { limits } from './limits.ts';
import type { Answer, Found, Resolver } from './resolver.ts';

export interface LookupDeps {
  readonly resolver: Resolver;
  /** 0 ≤ x < 1 */
  readonly random: () => number;
  /** Calls back once. */
  readonly setTimer: (callback: () => void, ms: number) => void;
}

export interface LookupEvents {
  /** Its addresses are others, or it has its first answer. */
  readonly onChange: () => void;
  /** It began to fail. */
  readonly onFailing: (error: string) => void;
}

export class NameLookup {
  readonly hostname: string;
  /** How often it is asked, from the next answer on. */
  settings: DnsConfig;
  readonly #stats: DnsStats;
  readonly #deps: LookupDeps;
  readonly #events: LookupEvents;
  #addresses: readonly string[] | null = null;
  /** In a row. */
  #failures = 0;
  #stopped = false;

  constructor(hostname: string, settings: DnsConfig, stats: DnsStats, deps: LookupDeps, events: LookupEvents) {
    this.hostname = hostname;
    this.settings = settings;
    this.#stats = stats;
    this.#deps = deps;
    this.#events = events;
    void this.#ask();
  }

  /** Of a strict cluster those that stay keep their order. Null: nobody has answered yet. */
  get addresses(): readonly string[] | null {
    return this.#addresses;
  }

  stop(): void {
    this.#stopped = true;
  }

  async #ask(): Promise<void> {
    if (this.#stopped) return;
    this.#stats.attempt.value++;
    const answer = await this.#deps.resolver.lookUp(this.hostname, this.settings.family);
    if (this.#stopped) return;
    const pauseMs = this.#hear(answer);
    this.#deps.setTimer(
      () => void this.#ask(),
      Math.min(Math.max(pauseMs, limits.leastRefreshMs), limits.mostRefreshMs),
    );
  }

  /** Returns how long to wait. */
  #hear(answer: Answer): number {
    if ('error' in answer) return this.#fail(answer.error);
    if (this.settings.type === 'strict') return this.#take(answer);
    // a name that is the endpoint itself does not go because it leads nowhere for a while
    if (answer.addresses.length === 0) return this.#fail('it has no address');
    return this.#take({ ...answer, addresses: answer.addresses.slice(0, limits.logicalAddresses) });
  }

  #take({ addresses, ttlMs }: Found): number {
    this.#failures = 0;
    this.#stats.success.value++;
    const before = this.#addresses;
    const now = before !== null && this.settings.type === 'strict' ? inPlace(before, addresses) : addresses;
    if (before !== null && now.join() === before.join()) {
      this.#stats.noRebuild.value++;
    } else {
      this.#addresses = now;
      this.#events.onChange();
    }
    const { respectTtl, refreshMs, jitterMs } = this.settings;
    return (respectTtl && ttlMs !== null && ttlMs > 0 ? ttlMs : refreshMs) + jitterMs * this.#deps.random();
  }

  #fail(error: string): number {
    this.#stats.failure.value++;
    if (this.#failures === 0) this.#events.onFailing(error);
    if (this.#addresses === null) {
      this.#addresses = [];
      this.#events.onChange();
    }
    const { baseMs, maxMs } = this.settings.failureRefresh;
    const pauseMs = Math.min(maxMs, baseMs * 2 ** this.#failures++);
    // drawn from its upper half, so that nodes do not ask in step
    return pauseMs * (1 - this.#deps.random() / 2);
  }
}

/** Those that stay keep their order, new ones follow. */
function inPlace(before: readonly string[], addresses: readonly string[]): readonly string[] {
  const stay = before.filter((address) => addresses.includes(address));
  return [...stay, ...addresses.filter((address) => !stay.includes(address))];
}
