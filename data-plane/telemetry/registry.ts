/**
 * Counters, gauges and histograms by name. Whoever counts holds the object and changes a plain field; whoever shows
 * them walks the registry. One name is one object, also when two scopes ask for it: an edited cluster goes on counting
 * where it was, and a stat goes when the last scope that holds it is dropped.
 */
import { Histogram } from './histogram.ts';
import type { SharedNumbers, SharedStats } from './shared-stats.ts';

export type Labels = Readonly<Record<string, string>>;

/** How a stat is called in Envoy's `/stats` and in Prometheus. */
export interface StatName {
  /** `cluster.checkout/orders.upstream_rq_total` */
  readonly stat: string;
  /** `envoy_cluster_upstream_rq_total`; empty: it is not listed. */
  readonly metric: string;
  readonly labels: Labels;
  readonly help: string;
  /** A gauge of which the greatest of all threads is shown, not the sum. */
  readonly greatest?: boolean;
}

/** Only ever grows. */
export interface Counter {
  value: number;
}

/** Goes up and down. */
export interface Gauge {
  value: number;
}

/** One that limits go by: each thread counts its own, and reads the total of all. */
export interface TotalledGauge extends Gauge {
  readonly total: number;
}

class OwnNumber implements TotalledGauge {
  value = 0;

  get total(): number {
    return this.value;
  }
}

/** A stat as the renderings see it. */
export type Stat =
  | { readonly name: StatName; readonly kind: 'counter' | 'gauge'; readonly read: () => number }
  | { readonly name: StatName; readonly kind: 'histogram'; readonly histogram: Histogram };

export type StatKind = Stat['kind'];

/** What can be listed: the stats of a thread, or of all of them. */
export interface StatsSource {
  /** Every stat, sorted by name; the same array while none came or went. */
  list(): readonly Stat[];
}

interface Held {
  readonly kind: StatKind;
  /** `null`: not listed. */
  readonly stat: Stat | null;
  /** `null`: it is asked when it is shown. */
  readonly instrument: Counter | Histogram | null;
  holders: number;
}

export class StatsRegistry implements StatsSource {
  /** Who is told of every stat, so that another thread sees it; null: nobody. */
  readonly shared: SharedStats | null;
  readonly #held = new Map<string, Held>();
  /** `null`: to be made anew. */
  #sorted: readonly Stat[] | null = null;

  constructor(shared: SharedStats | null = null) {
    this.shared = shared;
  }

  /**
   * @param prefix put before each stat's name, dot included: `cluster.orders.`
   * @param metricPrefix put before each metric's name: `envoy_cluster_`
   */
  scope(prefix: string, metricPrefix: string, labels: Labels): StatsScope {
    return new StatsScope(this, scopePrefix(prefix), metricPrefix, labels);
  }

  list(): readonly Stat[] {
    this.#sorted ??= [...this.#held.values()].flatMap(({ stat }) => stat ?? []).sort(byName);
    return this.#sorted;
  }

  /** @internal What counts under a name, made where nobody asked for it before. */
  acquire(stat: string, kind: StatKind, create: () => Pick<Held, 'stat' | 'instrument'>): Held['instrument'] {
    const held = this.#held.get(stat);
    if (held === undefined) {
      const made = create();
      this.#held.set(stat, { ...made, kind, holders: 1 });
      this.#sorted = null;
      return made.instrument;
    }
    if (held.kind !== kind) throw new Error(`stat "${stat}" is already a ${held.kind}: pick another name`);
    held.holders++;
    return held.instrument;
  }

  /** @internal */
  release(stat: string): void {
    const held = this.#held.get(stat);
    if (held === undefined || --held.holders > 0) return;
    this.#held.delete(stat);
    this.#sorted = null;
    this.shared?.removed(stat);
  }
}

export function byName(a: Stat, b: Stat): number {
  return a.name.stat < b.name.stat ? -1 : 1;
}

/** The stats of one thing that comes and goes: a cluster, a listener, a connection manager. */
export class StatsScope {
  readonly #registry: StatsRegistry;
  readonly #prefix: string;
  readonly #metricPrefix: string;
  readonly #labels: Labels;
  readonly #numbers: SharedNumbers | null;
  #names: string[] = [];

  constructor(registry: StatsRegistry, prefix: string, metricPrefix: string, labels: Labels) {
    this.#registry = registry;
    this.#prefix = prefix;
    this.#metricPrefix = metricPrefix;
    this.#labels = labels;
    this.#numbers = registry.shared?.numbers(prefix) ?? null;
  }

  /** Whether another thread sees these stats. */
  get isShared(): boolean {
    return this.#numbers !== null;
  }

  /** The whole name of a stat of this scope. */
  nameOf(stat: string): string {
    return this.#prefix + stat;
  }

  counter(stat: string, help: string): Counter {
    return this.#number('counter', this.#name(stat, help, metricOf(stat), {}));
  }

  gauge(stat: string, help: string): Gauge {
    return this.#number('gauge', this.#name(stat, help, metricOf(stat), {}));
  }

  /** A gauge of which the greatest of all threads is shown, not the sum. */
  greatest(stat: string, help: string): Gauge {
    return this.#number('gauge', { ...this.#name(stat, help, metricOf(stat), {}), greatest: true });
  }

  /** @see TotalledGauge. At most `rowCells` of a scope are totalled. */
  totalled(stat: string, help: string): TotalledGauge {
    return this.#totalled(this.#name(stat, help, metricOf(stat), {}));
  }

  /** Of what is the same in every thread: it is counted where it is not shared, once. */
  nodeCounter(stat: string, help: string): Counter {
    return this.isShared ? new OwnNumber() : this.counter(stat, help);
  }

  /** @see nodeCounter */
  nodeGauge(stat: string, help: string): Gauge {
    return this.isShared ? new OwnNumber() : this.gauge(stat, help);
  }

  /** Shown on no page. */
  unlisted(kind: 'counter' | 'gauge', stat: string): Counter {
    return this.#number(kind, this.#unlistedName(stat));
  }

  /** @see totalled */
  unlistedTotalled(stat: string): TotalledGauge {
    return this.#totalled(this.#unlistedName(stat));
  }

  /**
   * Answers by class, to be indexed by `(status / 100) | 0`: `<stat>_2xx` in `/stats`, one metric `<stat>_xx` with a label
   * in Prometheus. What is no class from 1 to 5 counts nowhere that is shown.
   */
  statusClasses(stat: string, help: string): readonly Counter[] {
    const classes: Counter[] = [new OwnNumber()];
    for (let digit = 1; digit <= 5; digit++) {
      const labels = { envoy_response_code_class: String(digit) };
      classes.push(this.#number('counter', this.#name(`${stat}_${digit}xx`, help, `${metricOf(stat)}_xx`, labels)));
    }
    for (let digit = 6; digit <= 9; digit++) classes.push(classes[0]!);
    return classes;
  }

  /** A gauge that is asked when it is shown. */
  measured(stat: string, help: string, read: () => number): void {
    const name = this.#name(stat, help, metricOf(stat), {});
    this.#registry.acquire(name.stat, 'gauge', () => ({ instrument: null, stat: { name, kind: 'gauge', read } }));
  }

  histogram(stat: string, help: string): Histogram {
    const name = this.#name(stat, help, metricOf(stat), {});
    const { shared } = this.#registry;
    return this.#registry.acquire(name.stat, 'histogram', () => {
      const histogram = shared === null ? new Histogram() : shared.histogram(name);
      return { instrument: histogram, stat: { name, kind: 'histogram', histogram } };
    }) as Histogram;
  }

  /** Takes the stats out of the registry, save those that another scope holds as well. */
  drop(): void {
    for (const name of this.#names) this.#registry.release(name);
    this.#names = [];
  }

  #number(kind: 'counter' | 'gauge', name: StatName): Counter {
    return this.#acquire(kind, name, (numbers) => numbers.take(kind, name));
  }

  #totalled(name: StatName): TotalledGauge {
    return this.#acquire('gauge', name, (numbers) => numbers.takeTotalled(name));
  }

  #acquire(kind: 'counter' | 'gauge', name: StatName, take: (numbers: SharedNumbers) => TotalledGauge): TotalledGauge {
    return this.#registry.acquire(name.stat, kind, () => {
      const instrument = this.#numbers === null ? new OwnNumber() : take(this.#numbers);
      return { instrument, stat: name.metric === '' ? null : { name, kind, read: () => instrument.value } };
    }) as TotalledGauge;
  }

  #unlistedName(stat: string): StatName {
    const name = { stat: this.nameOf(stat), metric: '', labels: this.#labels, help: '' };
    this.#names.push(name.stat);
    return name;
  }

  #name(stat: string, help: string, metric: string, labels: Labels): StatName {
    const full = this.nameOf(stat);
    this.#names.push(full);
    return { stat: full, metric: this.#metricPrefix + metric, labels: { ...labels, ...this.#labels }, help };
  }
}

function metricOf(stat: string): string {
  return stat.replace(/[^a-zA-Z0-9_]/g, '_');
}

/** Envoy keeps colons out of stat names: `name: value` must stay readable. Line breaks would forge a line. */
export function scopePrefix(prefix: string): string {
  return prefix.replace(/:\/\/|:\/|[:\0-\x1f]/g, '_');
}
