/** What a cluster sends where, counted for load reports: one object a zone, held by the endpoints in it. */
import type { Counter, StatsScope } from '../telemetry/registry.ts';

export class LocalityLoad {
  readonly zone: string;
  /** Since the start; requests (HTTP) or connections (TCP). */
  issued = 0;
  successful = 0;
  errors = 0;
  inProgress = 0;

  constructor(zone: string) {
    this.zone = zone;
  }

  begin(): void {
    this.issued++;
    this.inProgress++;
  }

  /** `cancelled`: the client gave up before the endpoint had answered, which says nothing of the endpoint. */
  end(outcome: 'success' | 'error' | 'cancelled'): void {
    this.inProgress--;
    if (outcome === 'success') this.successful++;
    else if (outcome === 'error') this.errors++;
  }
}

/** How a count of a zone is called in the stats of its cluster, where those are shared. */
export function loadStat(scope: StatsScope, zone: string, count: 'issued' | 'successful' | 'errors' | 'inProgress') {
  return scope.nameOf(nameIn(zone, count));
}

const nameIn = (zone: string, count: string): string => `zone.${zone}.${count}`;

/** The same, counted where another thread sees it. */
class SharedLoad implements LocalityLoad {
  readonly zone: string;
  readonly #issued: Counter;
  readonly #successful: Counter;
  readonly #errors: Counter;
  readonly #inProgress: Counter;

  constructor(zone: string, scope: StatsScope) {
    this.zone = zone;
    this.#issued = scope.unlisted('counter', nameIn(zone, 'issued'));
    this.#successful = scope.unlisted('counter', nameIn(zone, 'successful'));
    this.#errors = scope.unlisted('counter', nameIn(zone, 'errors'));
    this.#inProgress = scope.unlisted('gauge', nameIn(zone, 'inProgress'));
  }

  get issued(): number {
    return this.#issued.value;
  }

  get successful(): number {
    return this.#successful.value;
  }

  get errors(): number {
    return this.#errors.value;
  }

  get inProgress(): number {
    return this.#inProgress.value;
  }

  begin(): void {
    this.#issued.value++;
    this.#inProgress.value++;
  }

  end(outcome: 'success' | 'error' | 'cancelled'): void {
    this.#inProgress.value--;
    if (outcome === 'success') this.#successful.value++;
    else if (outcome === 'error') this.#errors.value++;
  }
}

export function createLoad(zone: string, scope: StatsScope): LocalityLoad {
  return scope.isShared ? new SharedLoad(zone, scope) : new LocalityLoad(zone);
}
