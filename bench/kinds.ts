/** Several kinds of work in one run, one table after the other. */
import { compare, type Scene, subfolder } from './compare.ts';
import type { HttpContender } from './contenders/contender.ts';
import type { BenchOptions, BenchReport, Workbench } from './harness/bench.ts';

export interface Kind {
  readonly title: string;
  readonly contenders: readonly HttpContender[];
  /** What stands behind is started anew for each kind, and ended after it. */
  readonly scene: (bench: Workbench) => Promise<Scene>;
}

/** `--only` may name kinds of work as well as contenders. */
export async function compareKinds(
  bench: Workbench,
  options: BenchOptions,
  title: string,
  kinds: Readonly<Record<string, Kind>>,
): Promise<BenchReport> {
  const named = options.only.filter((name) => name in kinds);
  const only = options.only.filter((name) => !(name in kinds));
  const reports: BenchReport[] = [];
  for (const [name, kind] of Object.entries(kinds)) {
    if (named.length > 0 && !named.includes(name)) continue;
    bench.progress(`-- ${kind.title}`);
    const own = { ...bench, folder: subfolder(bench, name) };
    reports.push(await compare(own, { ...options, only }, await kind.scene(own), kind.contenders));
    await bench.processes.stopAll();
  }
  const together = (of: (report: BenchReport) => readonly string[]): string[] => [...new Set(reports.flatMap(of))];
  return {
    title,
    versions: together(({ versions }) => versions),
    missing: together(({ missing }) => missing),
    failed: together(({ failed }) => failed),
    warnings: reports.flatMap(({ title: of, warnings }) => warnings.map((warning) => `${of}: ${warning}`)),
    table: reports.map(({ title: of, table }) => `${of}\n\n${table}`).join('\n\n'),
    samples: Object.fromEntries(reports.map(({ title: of, samples }) => [of, samples])),
  };
}
