/** `profile`, `profile-h2`, `profile-l4`: where the CPU of our data plane goes under the load of `l7`, `h2` or `l4`. */
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { measure, type Scene } from './compare.ts';
import type { HttpContender, Running } from './contenders/contender.ts';
import { fairleadHttp } from './contenders/fairlead.ts';
import { fairleadTcp } from './contenders/tcp.ts';
import { h2Scene } from './h2.ts';
import type { BenchOptions, BenchReport, Workbench } from './harness/bench.ts';
import { busyMicros, type CpuProfile, selfTimes } from './harness/cpu-profile.ts';
import {
  perfIsHere,
  perfNodeOptions,
  perfRecordArgs,
  readPerf,
  removePerfMaps,
  sharesByOwner,
} from './harness/perf.ts';
import { pidsOfTree } from './harness/proc.ts';
import { oneTcpScene } from './l4.ts';
import { httpScene } from './l7.ts';

const shownLines = 40;

export async function run(bench: Workbench, options: BenchOptions): Promise<BenchReport> {
  return profile(bench, options, await httpScene(bench, options));
}

export async function runL4(bench: Workbench, options: BenchOptions): Promise<BenchReport> {
  return profile(bench, options, await oneTcpScene(bench, options), fairleadTcp);
}

export async function runH2(bench: Workbench, options: BenchOptions): Promise<BenchReport> {
  return profile(bench, options, h2Scene(bench, options));
}

async function profile(
  bench: Workbench,
  options: BenchOptions,
  scene: Scene,
  contender: (nodeOptions: string) => HttpContender = fairleadHttp,
): Promise<BenchReport> {
  const folder = path.join(bench.folder, 'cpu-profile');
  mkdirSync(folder);
  const v8 = await scene.start(contender(`--cpu-prof --cpu-prof-dir=${folder}`));
  bench.progress('load under --cpu-prof');
  await measure(v8, () => scene.load(v8.port, options.warmUpSeconds + options.seconds), scene.linesOf);
  await v8.stop();
  const javaScript = selfTimes(busiestProfile(folder)).slice(0, shownLines);
  const sections = [`JavaScript by self time (--cpu-prof)\n\n${list(javaScript)}`];
  const missing: string[] = [];
  if (perfIsHere()) {
    bench.progress('load under perf');
    const traced = await scene.start(contender(perfNodeOptions));
    const lines = await perfUnderLoad(bench, options, scene, traced);
    const owners = sharesByOwner(lines).map(({ owner, share }) => ({ name: owner, share }));
    const symbols = lines
      .slice(0, shownLines)
      .map(({ share, object, symbol }) => ({ name: `${symbol} [${object}]`, share }));
    sections.unshift(`Who spends it (perf)\n\n${list(owners)}`, `Symbols (perf)\n\n${list(symbols)}`);
  } else missing.push('perf: not installed; with it (Debian: linux-perf) the kernel and native code are shown as well');
  return {
    title: `Profile of ${scene.title}`,
    versions: [v8.version],
    missing,
    failed: [],
    warnings: [],
    table: sections.join('\n\n'),
    samples: {},
  };
}

/** Of the profiles in a folder (a wrapper process leaves one too), that of the process that did the work. */
function busiestProfile(folder: string): CpuProfile {
  const profiles = readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as CpuProfile)
    .sort((a, b) => busyMicros(b) - busyMicros(a));
  if (profiles[0] === undefined)
    throw new Error('No profile was written: the data plane did not end by itself on SIGTERM.');
  return profiles[0];
}

async function perfUnderLoad(
  bench: Workbench,
  options: BenchOptions,
  scene: Scene,
  running: Running,
): Promise<ReturnType<typeof readPerf>> {
  await measure(running, () => scene.load(running.port, options.warmUpSeconds), scene.linesOf);
  const pids = pidsOfTree(running.pid);
  const dataFile = path.join(bench.folder, 'perf.data');
  const perf = bench.processes.start({
    name: 'perf',
    command: 'perf',
    args: perfRecordArgs(pids, options.seconds, dataFile),
    core: bench.cores.load,
  });
  const ended = once(perf, 'exit');
  await measure(running, () => scene.load(running.port, options.seconds), scene.linesOf);
  await ended;
  // perf reads the map while it reports, so it goes only then
  const lines = readPerf(dataFile);
  await running.stop();
  removePerfMaps(pids);
  return lines;
}

function list(lines: readonly { readonly name: string; readonly share: number }[]): string {
  return lines.map(({ name, share }) => `${(share * 100).toFixed(1).padStart(5)} %  ${name}`).join('\n');
}
