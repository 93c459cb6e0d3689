/** The filters that this node knows: its own, and those that its operator gave it. */
import { faultFilter } from '../l7/fault-filter.ts';
import type { Filter, FilterModule } from '../l7/filter.ts';
import type { HttpFilterConfig } from '../model/config.ts';

/** By name. */
export type FilterModules = ReadonlyMap<string, FilterModule>;

/** Names that are not to be given away. */
export const builtInFilters = ['fault', 'rate-limit', 'jwt', 'cors', 'ip', 'compress', 'waf', 'router'];

/** What is wrong with a filter's configuration on this node, as a sentence; null: nothing. */
export function filterFault(modules: FilterModules, { name, settings }: HttpFilterConfig): string | null {
  if (name === 'fault') return null;
  const module = modules.get(name);
  if (module === undefined) {
    const known = modules.size === 0 ? 'it has none' : `it has ${[...modules.keys()].join(', ')}`;
    return `the filter ${name} is not on this node: start it with --filter FILE (${known})`;
  }
  try {
    module.create(settings);
    return null;
  } catch (error) {
    return `the filter ${name} refuses its settings: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** @throws Error for what {@link filterFault} finds fault with */
export function compileFilters(modules: FilterModules, configs: readonly HttpFilterConfig[]): Filter[] {
  return configs.map(({ name, settings }) => {
    if (name === 'fault') return faultFilter;
    const module = modules.get(name);
    if (module === undefined) throw new Error(`the filter ${name} is not on this node`);
    return module.create(settings);
  });
}
