/**
 * `npm run bench -- NAME [options]`: the benchmarks, side by side with whatever peers are installed. How they measure is
 * written in docs/performance.md.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { BenchReport } from './harness/bench.ts';
import { chooseCores } from './harness/cores.ts';
import { Processes } from './harness/processes.ts';
import { type BenchmarkEntry, readArguments } from './options.ts';

/** As many requests under way as l7 has. */
const h2Defaults = { connections: '8', streams: '8' } as const;

const benchmarks: Readonly<Record<string, BenchmarkEntry>> = {
  h2: { load: () => import('./h2.ts'), defaults: h2Defaults },
  hashing: { load: () => import('./hashing.ts'), defaults: { seconds: '3', rounds: '3', 'warm-up': '1' } },
  kernel: { load: () => import('./kernel.ts'), defaults: { seconds: '3', rounds: '5', 'warm-up': '2' } },
  l4: { load: () => import('./l4.ts'), defaults: { seconds: '3', rounds: '5', 'warm-up': '2' } },
  l7: { load: () => import('./l7.ts') },
  profile: { load: () => import('./profile.ts') },
  'profile-h2': { load: async () => ({ run: (await import('./profile.ts')).runH2 }), defaults: h2Defaults },
  'profile-l4': { load: async () => ({ run: (await import('./profile.ts')).runL4 }) },
  scale: { load: () => import('./scale.ts'), defaults: { routes: '20000' } },
  udp: { load: () => import('./udp.ts'), defaults: { seconds: '3', rounds: '5', 'warm-up': '2' } },
  xds: { load: () => import('./xds.ts'), defaults: { routes: '20000' } },
};

const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

async function main(): Promise<void> {
  const { load, name, options, jsonFile } = readArguments(process.argv.slice(2), benchmarks);
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fairlead-bench-'));
  const processes = new Processes(folder);
  // what runs is killed first (see Processes), then its files go
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const [signal, code] of Object.entries(signals)) process.once(signal, () => process.exit(code));
  const benchmark = await load();
  const bench = { folder, processes, cores: chooseCores(), progress: (line: string) => console.error(line) };
  const report = await benchmark.run(bench, options);
  await processes.stopAll();
  console.log(textOf(report));
  if (report.failed.length > 0) process.exitCode = 1;
  if (jsonFile !== undefined) {
    writeFileSync(jsonFile, `${JSON.stringify({ name, options, machine: machine(), ...report }, null, 2)}\n`);
  }
}

function textOf(report: BenchReport): string {
  return [
    `\n${report.title}`,
    `${machine()}; ${report.versions.join('; ')}`,
    ...report.missing.map((line) => `missing: ${line}`),
    ...report.failed.map((line) => `failed: ${line}`),
    ...report.warnings.map((line) => `warning: ${line}`),
    '',
    report.table,
  ].join('\n');
}

function machine(): string {
  return `${os.cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${os.availableParallelism()} cores, Linux ${os.release()}`;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
