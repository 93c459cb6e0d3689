/**
 * The stats of a node: what its main thread counts, and what the workers count in memory that is read here. Numbers are
 * added up, histograms merged; what a worker that is gone had counted stays counted.
 */
import { Histogram } from './histogram.ts';
import { byName, type Stat, type StatKind, type StatName, type StatsSource } from './registry.ts';
import type { SharedHistogram, SharedNumber, StatsNews } from './shared-stats.ts';

type Part = { readonly read: () => number } | { readonly histogram: Histogram };

/** One name. */
interface Sum {
  readonly name: StatName;
  readonly kind: StatKind;
  /** By worker. */
  readonly parts: Map<object, Part>;
  /** Of those that are gone. */
  past: number;
  readonly pastHistogram: Histogram | null;
}

export class NodeStats implements StatsSource {
  readonly #own: StatsSource;
  readonly #sums = new Map<string, Sum>();
  /** What `list` answered, and for which stats of the main thread; null: to be made anew. */
  #listed: { readonly own: readonly Stat[]; readonly all: readonly Stat[] } | null = null;

  /** @param own what the main thread counts */
  constructor(own: StatsSource) {
    this.#own = own;
  }

  list(): readonly Stat[] {
    const own = this.#own.list();
    if (this.#listed?.own !== own) this.#listed = { own, all: this.#join(own) };
    return this.#listed.all;
  }

  /** What the workers counted under a name; 0 where none did. */
  countOf(stat: string): number {
    const sum = this.#sums.get(stat);
    return sum === undefined ? 0 : numberOf(sum);
  }

  /** @param worker whose news these are: any object that is one worker's only */
  take(worker: object, news: StatsNews): void {
    this.#listed = null;
    for (const one of news) {
      if ('removed' in one) this.#remove(worker, one.removed);
      else this.#add(worker, one);
    }
  }

  /** The worker is gone. What it counted stays, until `settle` finds that nobody goes on with it. */
  lose(worker: object): void {
    this.#listed = null;
    for (const sum of this.#sums.values()) fold(sum, worker);
  }

  /** Forgets stats that no worker has any more. */
  settle(): void {
    this.#listed = null;
    for (const [stat, { parts }] of this.#sums) if (parts.size === 0) this.#sums.delete(stat);
  }

  #add(worker: object, one: SharedNumber | SharedHistogram): void {
    const { kind, name } = one;
    let sum = this.#sums.get(name.stat);
    if (sum === undefined) {
      sum = { name, kind, parts: new Map(), past: 0, pastHistogram: kind === 'histogram' ? new Histogram() : null };
      this.#sums.set(name.stat, sum);
    }
    sum.parts.set(worker, partOf(one));
  }

  #remove(worker: object, stat: string): void {
    const sum = this.#sums.get(stat);
    if (sum === undefined) return;
    fold(sum, worker);
    if (sum.parts.size === 0) this.#sums.delete(stat);
  }

  #join(own: readonly Stat[]): readonly Stat[] {
    const all: Stat[] = [];
    const names = new Set<string>();
    for (const stat of own) {
      names.add(stat.name.stat);
      const sum = this.#sums.get(stat.name.stat);
      all.push(sum === undefined ? stat : statOf(sum, stat));
    }
    for (const [stat, sum] of this.#sums) {
      if (sum.name.metric !== '' && !names.has(stat)) all.push(statOf(sum, null));
    }
    return all.sort(byName);
  }
}

function partOf(shared: SharedNumber | SharedHistogram): Part {
  if (shared.kind === 'histogram') return { histogram: new Histogram(shared.memory) };
  const { cells, at } = shared;
  return { read: () => cells[at]! };
}

/** What a worker counted becomes the past; what it had under way is over. */
function fold(sum: Sum, worker: object): void {
  const part = sum.parts.get(worker);
  if (part === undefined) return;
  sum.parts.delete(worker);
  if ('histogram' in part) sum.pastHistogram?.add(part.histogram);
  else if (sum.kind === 'counter') sum.past += part.read();
}

function numberOf({ name, parts, past }: Sum): number {
  let number = past;
  for (const part of parts.values()) {
    if ('read' in part) number = name.greatest ? Math.max(number, part.read()) : number + part.read();
  }
  return number;
}

/** @param own what the main thread counts under the same name */
function statOf(sum: Sum, own: Stat | null): Stat {
  const { name, kind } = sum;
  if (kind === 'histogram') {
    return {
      name,
      kind,
      get histogram() {
        return merged(sum, own !== null && own.kind === 'histogram' ? own.histogram : null);
      },
    };
  }
  const read = own !== null && own.kind !== 'histogram' ? own.read : () => 0;
  return { name, kind, read: () => read() + numberOf(sum) };
}

function merged({ parts, pastHistogram }: Sum, own: Histogram | null): Histogram {
  const all = new Histogram();
  if (own !== null) all.add(own);
  if (pastHistogram !== null) all.add(pastHistogram);
  for (const part of parts.values()) if ('histogram' in part) all.add(part.histogram);
  return all;
}
