/** The registry as Envoy's admin shows it: `name: value` lines, or JSON. */
import type { Histogram } from './histogram.ts';
import type { Stat, StatsSource } from './registry.ts';

export interface StatsSelection {
  /** Which names; default: all. */
  readonly filter?: ((name: string) => boolean) | undefined;
  /** Leave out what was never counted. */
  readonly usedOnly?: boolean | undefined;
}

const percents = [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100];

export function selectStats(registry: StatsSource, { filter, usedOnly }: StatsSelection): Stat[] {
  return registry.list().filter((stat) => {
    if (usedOnly && (stat.kind === 'histogram' ? stat.histogram.count : stat.read()) === 0) return false;
    return filter === undefined || filter(stat.name.stat);
  });
}

/** Counters and gauges, then histograms as `P50(interval,cumulative)`; no intervals are kept, so theirs is `nan`. Lines. */
export function* statsText(registry: StatsSource, selection: StatsSelection = {}): Iterable<string> {
  const stats = selectStats(registry, selection);
  for (const stat of stats) if (stat.kind !== 'histogram') yield `${stat.name.stat}: ${stat.read()}\n`;
  for (const stat of stats) {
    if (stat.kind === 'histogram') yield `${stat.name.stat}: ${quantilesText(stat.histogram)}\n`;
  }
}

function quantilesText(histogram: Histogram): string {
  if (histogram.count === 0) return 'No recorded values';
  return percents.map((percent) => `P${percent}(nan,${quantile(histogram, percent)})`).join(' ');
}

/** Milliseconds, three decimals at most. */
function quantile(histogram: Histogram, percent: number): number {
  return Math.round(histogram.quantileMs(percent / 100) * 1000) / 1000;
}

/** Envoy's `/stats?format=json`; no intervals are kept, so theirs is `null`, as is every value of an empty histogram. */
export function statsJson(registry: StatsSource, selection: StatsSelection = {}): unknown {
  const stats: unknown[] = [];
  const quantiles: unknown[] = [];
  for (const stat of selectStats(registry, selection)) {
    const name = stat.name.stat;
    if (stat.kind !== 'histogram') {
      stats.push({ name, value: stat.read() });
      continue;
    }
    const { histogram } = stat;
    const values = percents.map((percent) => ({
      interval: null,
      cumulative: histogram.count === 0 ? null : quantile(histogram, percent),
    }));
    quantiles.push({ name, values });
  }
  if (quantiles.length > 0) {
    stats.push({ histograms: { supported_quantiles: percents, computed_quantiles: quantiles } });
  }
  return { stats };
}
