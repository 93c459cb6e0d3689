/** Where the CPU of a Node process goes, kernel and native code included, by Linux's `perf`. */
import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';

/** V8 writes the names of compiled functions where perf looks for them. */
export const perfNodeOptions = '--perf-basic-prof';

export interface PerfLine {
  /** Of the samples, 0 to 1. */
  readonly share: number;
  readonly object: string;
  readonly symbol: string;
}

export function perfIsHere(): boolean {
  return spawnSync('perf', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** The command that samples processes for so long. */
export function perfRecordArgs(pids: readonly number[], seconds: number, dataFile: string): string[] {
  return ['record', '--quiet', '-F', '999', '-p', pids.join(','), '-o', dataFile, '--', 'sleep', String(seconds)];
}

/** A line for each symbol: several megabytes. */
const mostReportBytes = 256 * 1024 * 1024;

export function readPerf(dataFile: string): PerfLine[] {
  const args = ['report', '-i', dataFile, '--stdio', '--sort', 'dso,symbol', '-F', 'overhead,dso,symbol', '-t', '\t'];
  return parsePerfReport(
    execFileSync('perf', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: mostReportBytes }),
  );
}

/** Lines of a tab-separated `perf report`, the largest share first. */
export function parsePerfReport(report: string): PerfLine[] {
  return report
    .split('\n')
    .flatMap((line) => {
      const [overhead = '', object = '', symbol = ''] = line.split('\t').map((part) => part.trim());
      const share = /^([\d.]+)%$/.exec(overhead)?.[1];
      return share === undefined ? [] : [{ share: Number(share) / 100, object, symbol: symbol.replace(/^\[.\] /, '') }];
    })
    .sort((a, b) => b.share - a.share);
}

/** The table of names that V8 left for perf; perf looks for it in this one place. */
export function removePerfMaps(pids: readonly number[]): void {
  for (const pid of pids) rmSync(path.join('/tmp', `perf-${pid}.map`), { force: true });
}

/** Sums the lines by who spends the time; the largest first. */
export function sharesByOwner(lines: readonly PerfLine[]): { readonly owner: string; readonly share: number }[] {
  const shares = new Map<string, number>();
  for (const line of lines) {
    const owner = ownerOf(line);
    shares.set(owner, (shares.get(owner) ?? 0) + line.share);
  }
  return [...shares].map(([owner, share]) => ({ owner, share })).sort((a, b) => b.share - a.share);
}

function ownerOf({ object, symbol }: PerfLine): string {
  if (object.startsWith('[kernel') || object === '[k]') return 'kernel';
  if (object.startsWith('perf-') || object.startsWith('[JIT]') || object === '//anon') return scriptOwner(symbol);
  if (/^(libc|ld-linux|libpthread)/.test(object) || object === '[vdso]') return 'libc';
  if (/^Builtins_/.test(symbol)) return 'V8 builtins';
  if (/Scaveng|MarkCompact|MarkingVisitor|Sweeper|EvacuateVisitor|::Heap::|IncrementalMarking/.test(symbol))
    return 'garbage collector';
  if (/^v8::/.test(symbol)) return 'V8';
  if (/^node::/.test(symbol)) return "Node's native side";
  if (/^uv_/.test(symbol)) return 'libuv';
  return 'other native code';
}

/** The room of a compiled function, by the file that V8 names: `JS:*finish file:///…/data-plane/l7/exchange.ts:86:9`. */
function scriptOwner(symbol: string): string {
  if (symbol.startsWith('RegExp')) return 'JavaScript: regular expressions';
  const [, plane, room] = /\/(data-plane|control-plane|proto)\/(?:([\w-]+)\/)?[^/]*$/.exec(symbol) ?? [];
  if (plane !== undefined) return `JavaScript: ${room === undefined ? plane : `${plane}/${room}`}`;
  const [, dependency] = /\/node_modules\/((?:@[\w.-]+\/)?[\w.-]+)\//.exec(symbol) ?? [];
  if (dependency !== undefined) return `JavaScript: ${dependency}`;
  return / node:/.test(symbol) ? "JavaScript: Node's own" : 'JavaScript: other';
}
