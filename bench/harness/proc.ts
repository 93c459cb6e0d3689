/** What a process has used, as the kernel counts it. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

interface ProcessStat {
  readonly pid: number;
  readonly parentPid: number;
  /** User and system time of all its threads, ended ones included, in clock ticks. */
  readonly cpuTicks: number;
}

/** Reads one line of `/proc/<pid>/stat`. The program's name stands in parentheses and may hold any character. */
export function parseStat(line: string): ProcessStat {
  const nameEnd = line.lastIndexOf(')');
  // after the name: state, ppid, ... ; utime and stime are the 14th and 15th field of the whole line
  const fields = line.slice(nameEnd + 2).split(' ');
  return {
    pid: Number.parseInt(line, 10),
    parentPid: Number(fields[1]),
    cpuTicks: Number(fields[11]) + Number(fields[12]),
  };
}

/** CPU time (user and system, all threads) of a process and all its living descendants, in microseconds. */
export function cpuMicrosOfTree(rootPid: number): number {
  const own = statsOfTree(rootPid);
  if (own.length === 0) throw new Error(`There is no process ${rootPid}: it has ended while it was being measured.`);
  return (own.reduce((sum, stat) => sum + stat.cpuTicks, 0) / ticksPerSecond()) * 1e6;
}

/** A process, if it lives, and all its living descendants. */
export function pidsOfTree(rootPid: number): number[] {
  return statsOfTree(rootPid).map((stat) => stat.pid);
}

function statsOfTree(rootPid: number): ProcessStat[] {
  const stats = readAllStats();
  const members = new Set([rootPid]);
  // a child may have a lower pid than its parent, so go round until nobody new is found
  for (let before = 0; before < members.size; ) {
    before = members.size;
    for (const stat of stats) if (members.has(stat.parentPid)) members.add(stat.pid);
  }
  return stats.filter((stat) => members.has(stat.pid));
}

function readAllStats(): ProcessStat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))];
      } catch {
        return []; // ended between the listing and the reading
      }
    });
}

let knownTicksPerSecond: number | undefined;

function ticksPerSecond(): number {
  knownTicksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return knownTicksPerSecond;
}
