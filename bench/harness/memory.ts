/** Memory of a process, as the kernel counts it. */
import { readFileSync, writeFileSync } from 'node:fs';

export interface Memory {
  /** Resident now, bytes. */
  readonly residentBytes: number;
  /** The most that was resident since the start or the last reset, bytes. */
  readonly peakBytes: number;
}

export function memoryOf(pid: number): Memory {
  return parseMemory(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

/** The peak counts from now on. */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Reads `/proc/<pid>/status`. */
export function parseMemory(status: string): Memory {
  return { residentBytes: field(status, 'VmRSS'), peakBytes: field(status, 'VmHWM') };
}

function field(status: string, name: string): number {
  const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`The process's status has no ${name}: it has ended.`);
  return Number(kilobytes) * 1024;
}
