import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { LogFile } from '../telemetry/log-file.ts';
import { LogSinks } from '../telemetry/log-sink.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { filesystemStats } from '../telemetry/stats.ts';
import { LogWriter, RemoteLogs } from './log-lines.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'fairlead-lines-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** The sinks of so many workers, and the writer of the main thread behind them. */
function start(workers: number) {
  const stats = filesystemStats(new StatsRegistry());
  const deps = { now: () => 0, setTimer: () => {}, report: () => {} };
  const writer = new LogWriter((file) => new LogFile(file, deps, stats));
  const sinks = Array.from({ length: workers }, () => {
    const worker = {};
    const remote = new RemoteLogs((message) => {
      if (message.type === 'linesEnd') writer.leave(worker, message.path);
      if (message.type !== 'lines') return;
      const { number, path: file, batch, lines } = structuredClone(message);
      void writer.write(worker, file, batch, lines).then(() => remote.written(number));
    });
    return new LogSinks({ ...deps, stats, open: (file) => remote.open(file) });
  });
  return { writer, sinks, stats };
}

test('lines of all workers stand in one file, whole, and after a rotation in the next one', async () => {
  const { writer, sinks, stats } = start(3);
  const file = path.join(folder, 'access.log');
  const open = sinks.map((all) => all.acquire(file));
  const writeAll = async (word: string): Promise<void> => {
    open.forEach((sink, worker) => {
      for (let line = 0; line < 2_000; line++) sink.write(`${word} ${worker} ${line} ${'x'.repeat(100)}\n`);
    });
    await Promise.all(open.map((sink) => sink.flush()));
  };
  await writeAll('old');
  fs.renameSync(file, `${file}.1`);
  writer.reopen();
  await writeAll('new');
  for (const [name, word] of [
    [`${file}.1`, 'old'],
    [file, 'new'],
  ] as const) {
    const lines = fs.readFileSync(name, 'utf8').trimEnd().split('\n');
    expect(new Set(lines).size).toBe(6_000);
    expect(lines.every((line) => line.startsWith(`${word} `) && line.endsWith('x'.repeat(100)))).toBe(true);
  }
  expect(stats.dropped.value).toBe(0);
});

test('a file is closed when the last worker leaves it, and opened anew when one comes again', async () => {
  const { sinks } = start(2);
  const file = path.join(folder, 'closed.log');
  for (const all of sinks) all.acquire(file).write('a\n');
  await sinks[0]!.close();
  await sinks[1]!.close();
  const isOpen = (): boolean =>
    fs.readdirSync('/proc/self/fd').some((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`) === file;
      } catch {
        return false;
      }
    });
  await expect.poll(isOpen).toBe(false);
  sinks[0]!.acquire(file).write('b\n');
  await sinks[0]!.close();
  expect(fs.readFileSync(file, 'utf8')).toBe('a\na\nb\n');
});
