import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { parseCpuList } from './cores.ts';
import { cpuMicrosOfTree, parseStat } from './proc.ts';

test('a program name with spaces and parentheses does not shift the fields', () => {
  const line = '4711 (odd ) (name) S 12 4711 4711 0 -1 4194560 1 2 3 4 250 50 6 7 20 0 1 0 9 8 7';
  expect(parseStat(line)).toEqual({ pid: 4711, parentPid: 12, cpuTicks: 300 });
});

test.runIf(process.platform === 'linux')('the CPU time of a tree holds that of its children', async () => {
  const burn = 'const end = process.cpuUsage().user + 100_000; while (process.cpuUsage().user < end);';
  // the parent sleeps; only its child burns, says so, and waits to be ended
  const parent = spawn(
    'sh',
    ['-c', `"$0" -e '${burn} console.log("burnt"); setInterval(() => {}, 1e6)' & wait`, process.execPath],
    {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const pid = parent.pid as number;
  try {
    await once(parent.stdout, 'data');
    expect(cpuMicrosOfTree(pid)).toBeGreaterThanOrEqual(100_000);
  } finally {
    process.kill(-pid, 'SIGKILL');
  }
});

test('asking for a process that is not there is an error, not a zero', () => {
  expect(() => cpuMicrosOfTree(2 ** 30)).toThrow('has ended while it was being measured');
});

test("the list of CPUs is read in the kernel's format", () => {
  expect(parseCpuList('0-2,5,8-9')).toEqual([0, 1, 2, 5, 8, 9]);
  expect(parseCpuList('3')).toEqual([3]);
});
