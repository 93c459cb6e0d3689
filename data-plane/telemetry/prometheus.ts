/** The registry in Prometheus' text format, version 0.0.4. */
import type { Labels, Stat, StatsSource } from './registry.ts';
import { type StatsSelection, selectStats } from './stats-text.ts';

export const prometheusContentType = 'text/plain; version=0.0.4; charset=utf-8';

/** Envoy's bounds, ms. */
const boundsMs = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];

/** In pieces. */
export function* prometheusText(registry: StatsSource, selection: StatsSelection = {}): Iterable<string> {
  const families = new Map<string, Stat[]>();
  for (const stat of selectStats(registry, selection)) {
    const family = families.get(stat.name.metric);
    if (family === undefined) families.set(stat.name.metric, [stat]);
    else family.push(stat);
  }
  for (const [metric, family] of [...families].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [first] = family;
    yield `# HELP ${metric} ${escapeHelp(first!.name.help)}\n# TYPE ${metric} ${first!.kind}\n`;
    for (const stat of family) yield samples(metric, stat);
  }
}

function samples(metric: string, stat: Stat): string {
  const { labels } = stat.name;
  if (stat.kind !== 'histogram') return `${metric}${labelText(labels)} ${stat.read()}\n`;
  const { histogram } = stat;
  const counts = histogram.countsBelow(boundsMs);
  let text = '';
  boundsMs.forEach((bound, index) => {
    text += `${metric}_bucket${labelText({ ...labels, le: String(bound) })} ${counts[index]}\n`;
  });
  text += `${metric}_bucket${labelText({ ...labels, le: '+Inf' })} ${histogram.count}\n`;
  text += `${metric}_sum${labelText(labels)} ${histogram.sumMs}\n`;
  return text + `${metric}_count${labelText(labels)} ${histogram.count}\n`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels);
  return pairs.length === 0 ? '' : `{${pairs.map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
