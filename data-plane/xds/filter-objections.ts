/** Listeners that name filters which this node can't run: they do not come, and what was there before stays. */
import type { HttpFilterConfig } from '../model/config.ts';
import type { Problem } from './decode/problems.ts';
import type { ListenerResource } from './decode/resources.ts';

export function objectionsTo(
  arrived: readonly ListenerResource[],
  filterFault: ((config: HttpFilterConfig) => string | null) | undefined,
): ReadonlyMap<string, readonly Problem[]> {
  const objections = new Map<string, readonly Problem[]>();
  if (filterFault === undefined) return objections;
  for (const { name, chain } of arrived) {
    if (chain.type !== 'http') continue;
    const faults = chain.config.filters.flatMap((config) => filterFault(config) ?? []);
    if (faults.length > 0)
      objections.set(
        name,
        faults.map((message) => ({ path: 'http_filters', message })),
      );
  }
  return objections;
}
