/**
 * Counters, gauges and histograms by name. Whoever counts holds the object and changes a plain field; whoever shows
 * them walks the registry. One name is one object, also when two scopes ask for it: an edited cluster goes on counting
 * where it was, and a stat goes when the last scope that holds it is dropped.
 */
import { Histogram } from './histogram.ts';

export type Labels = Readonly<Record<string, string>>;

/** How a stat is called in Envoy's `/stats` and in Prometheus. */
export interface StatName {
  /** `cluster.checkout/orders.upstream_rq_total` */
  readonly stat: string;
  /** `envoy_cluster_upstream_rq_total` */
  readonly metric: string;
  readonly labels: Labels;
  readonly help: string;
}

/** Only ever grows. */
export class Counter {
  value = 0;
}

/** Goes up and down. */
export class Gauge {
  value = 0;
}

/** A stat as the renderings see it. */
export type Stat =
  | { readonly name: StatName; readonly kind: 'counter' | 'gauge'; readonly read: () => number }
  | { readonly name: StatName; readonly kind: 'histogram'; readonly histogram: Histogram };

interface Held {
  readonly stat: Stat;
  readonly instrument: Counter | Gauge | Histogram | null;
  holders: number;
}

export class StatsRegistry {
  readonly #held = new Map<string, Held>();
  /** `null`: to be made anew. */
  #sorted: readonly Stat[] | null = null;

  /**
   * @param prefix put before each stat's name, dot included: `cluster.orders.`
   * @param metricPrefix put before each metric's name: `envoy_cluster_`
   */
  scope(prefix: string, metricPrefix: string, labels: Labels): StatsScope {
    return new StatsScope(this, sanitize(prefix), metricPrefix, labels);
  }

  /** Every stat, sorted by name. */
  list(): readonly Stat[] {
    this.#sorted ??= [...this.#held.values()]
      .map((held) => held.stat)
      .sort((a, b) => (a.name.stat < b.name.stat ? -1 : 1));
    return this.#sorted;
  }

  /** @internal */
  acquire<I extends Counter | Gauge | Histogram | null>(
    name: StatName,
    create: () => { instrument: I; stat: Stat },
    isSame: (instrument: Held['instrument']) => instrument is I,
  ): I {
    const held = this.#held.get(name.stat);
    if (held === undefined) {
      const { instrument, stat } = create();
      this.#held.set(name.stat, { stat, instrument, holders: 1 });
      this.#sorted = null;
      return instrument;
    }
    if (!isSame(held.instrument))
      throw new Error(`stat "${name.stat}" is already a ${held.stat.kind}: pick another name`);
    held.holders++;
    return held.instrument;
  }

  /** @internal */
  release(stat: string): void {
    const held = this.#held.get(stat);
    if (held === undefined || --held.holders > 0) return;
    this.#held.delete(stat);
    this.#sorted = null;
  }
}

/** The stats of one thing that comes and goes: a cluster, a listener, a connection manager. */
export class StatsScope {
  readonly #registry: StatsRegistry;
  readonly #prefix: string;
  readonly #metricPrefix: string;
  readonly #labels: Labels;
  #names: string[] = [];

  constructor(registry: StatsRegistry, prefix: string, metricPrefix: string, labels: Labels) {
    this.#registry = registry;
    this.#prefix = prefix;
    this.#metricPrefix = metricPrefix;
    this.#labels = labels;
  }

  counter(stat: string, help: string): Counter {
    const name = this.#name(stat, help, metricOf(stat), {});
    return this.#counter(name);
  }

  /**
   * Answers by class, to be indexed by `(status / 100) | 0`: `<stat>_2xx` in `/stats`, one metric `<stat>_xx` with a label
   * in Prometheus. What is no class from 1 to 5 counts nowhere that is shown.
   */
  statusClasses(stat: string, help: string): readonly Counter[] {
    const classes: Counter[] = [new Counter()];
    for (let digit = 1; digit <= 5; digit++) {
      const labels = { envoy_response_code_class: String(digit) };
      classes.push(this.#counter(this.#name(`${stat}_${digit}xx`, help, `${metricOf(stat)}_xx`, labels)));
    }
    for (let digit = 6; digit <= 9; digit++) classes.push(classes[0]!);
    return classes;
  }

  gauge(stat: string, help: string): Gauge {
    const name = this.#name(stat, help, metricOf(stat), {});
    return this.#registry.acquire(
      name,
      () => {
        const instrument = new Gauge();
        return { instrument, stat: { name, kind: 'gauge', read: () => instrument.value } };
      },
      (instrument) => instrument instanceof Gauge,
    );
  }

  /** A gauge that is asked when it is shown. */
  measured(stat: string, help: string, read: () => number): void {
    const name = this.#name(stat, help, metricOf(stat), {});
    this.#registry.acquire(
      name,
      () => ({ instrument: null, stat: { name, kind: 'gauge', read } }),
      (instrument) => instrument === null,
    );
  }

  histogram(stat: string, help: string): Histogram {
    const name = this.#name(stat, help, metricOf(stat), {});
    return this.#registry.acquire(
      name,
      () => {
        const histogram = new Histogram();
        return { instrument: histogram, stat: { name, kind: 'histogram', histogram } };
      },
      (instrument) => instrument instanceof Histogram,
    );
  }

  /** Takes the stats out of the registry, save those that another scope holds as well. */
  drop(): void {
    for (const name of this.#names) this.#registry.release(name);
    this.#names = [];
  }

  #counter(name: StatName): Counter {
    return this.#registry.acquire(
      name,
      () => {
        const instrument = new Counter();
        return { instrument, stat: { name, kind: 'counter', read: () => instrument.value } };
      },
      (instrument) => instrument instanceof Counter,
    );
  }

  #name(stat: string, help: string, metric: string, labels: Labels): StatName {
    const full = this.#prefix + stat;
    this.#names.push(full);
    return { stat: full, metric: this.#metricPrefix + metric, labels: { ...labels, ...this.#labels }, help };
  }
}

function metricOf(stat: string): string {
  return stat.replace(/[^a-zA-Z0-9_]/g, '_');
}

/** Envoy keeps colons out of stat names: `name: value` must stay readable. Line breaks would forge a line. */
function sanitize(prefix: string): string {
  return prefix.replace(/:\/\/|:\/|[:\0-\x1f]/g, '_');
}
