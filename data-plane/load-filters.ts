/** The files of filters that an operator gives a node. Documents only name what is here: no code comes from them. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { FilterModule } from './l7/filter.ts';
import { builtInFilters, type FilterModules } from './runtime/filters.ts';
import { SettingsError } from './settings.ts';

/** @throws SettingsError that names the file and what is wrong with it */
export async function loadFilters(files: readonly string[]): Promise<FilterModules> {
  const modules = new Map<string, FilterModule>();
  for (const file of files) {
    for (const module of await filtersOf(file)) {
      const { name } = module;
      if (builtInFilters.includes(name))
        throw new SettingsError(`${file}: the name ${name} is taken; call the filter otherwise`);
      if (modules.has(name)) throw new SettingsError(`${file}: there are two filters called ${name}`);
      modules.set(name, module);
    }
  }
  return modules;
}

async function filtersOf(file: string): Promise<readonly FilterModule[]> {
  const loaded: { filters?: unknown } = await import(pathToFileURL(path.resolve(file)).href).catch((error: unknown) => {
    throw new SettingsError(
      `the filters in ${file} can't be loaded: ${error instanceof Error ? error.message : error}`,
    );
  });
  const { filters } = loaded;
  if (!Array.isArray(filters) || !filters.every(isModule)) {
    const remedy = 'write `export const filters = [{ name, create }]`, names of lower-case letters, digits and `-`';
    throw new SettingsError(`${file} has no filters: ${remedy}`);
  }
  return filters;
}

function isModule(value: unknown): value is FilterModule {
  const { name, create } = (value ?? {}) as { name?: unknown; create?: unknown };
  return typeof name === 'string' && /^[a-z0-9-]{1,63}$/.test(name) && typeof create === 'function';
}
