import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openAccessLoggers } from './access-loggers.ts';
import { emptyLogEntry } from './empty-log-entry.ts';
import { logLimits } from './limits.ts';
import { LogFile } from './log-file.ts';
import { LogSinks } from './log-sink.ts';
import { StatsRegistry } from './registry.ts';
import { filesystemStats } from './stats.ts';
import { statsText } from './stats-text.ts';

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'fairlead-log-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

function setUp() {
  const stats = new StatsRegistry();
  const timers: { callback: () => void; ms: number }[] = [];
  const reports: string[] = [];
  const clock = { nowMs: 0 };
  const counts = filesystemStats(stats);
  const deps = {
    now: () => clock.nowMs,
    setTimer: (callback: () => void, ms: number) => void timers.push({ callback, ms }),
    report: (message: string) => void reports.push(message),
  };
  const sinks = new LogSinks({ ...deps, stats: counts, open: (path) => new LogFile(path, deps, counts) });
  const count = (name: string): number =>
    Number(new RegExp(`^filesystem\\.${name}: (\\d+)$`, 'm').exec([...statsText(stats)].join(''))?.[1]);
  return { sinks, timers, reports, clock, count };
}

test('lines wait for the timer and are written in one batch, in order', async () => {
  const { sinks, timers, count } = setUp();
  const file = path.join(folder, 'batched.log');
  const sink = sinks.acquire(file);
  for (let line = 0; line < 10; line++) sink.write(`line ${line}\n`);
  expect(fs.existsSync(file)).toBe(false);
  expect(timers.map((timer) => timer.ms)).toEqual([logLimits.flushMs]);
  timers[0]!.callback();
  await sink.flush();
  expect(fs.readFileSync(file, 'utf8')).toBe(Array.from({ length: 10 }, (_, line) => `line ${line}\n`).join(''));
  expect(count('write_completed')).toBe(1);
  await sinks.close();
});

test('a full batch does not wait for the timer, and nothing is lost or doubled', async () => {
  const { sinks, count } = setUp();
  const file = path.join(folder, 'many.log');
  const sink = sinks.acquire(file);
  let expected = '';
  for (let line = 0; line < 20_000; line++) {
    const text = `line ${line} é\n`;
    expected += text;
    sink.write(text);
  }
  await sink.close();
  expect(fs.readFileSync(file, 'utf8')).toBe(expected);
  expect(count('write_completed')).toBeGreaterThan(1);
  expect(count('lines_dropped')).toBe(0);
});

test('a path is one sink until its last holder let go', async () => {
  const { sinks } = setUp();
  const file = path.join(folder, 'shared.log');
  const sink = sinks.acquire(file);
  expect(sinks.acquire(file)).toBe(sink);
  await sinks.release(file);
  sink.write('still open\n');
  await sinks.release(file);
  expect(fs.readFileSync(file, 'utf8')).toBe('still open\n');
  expect(sinks.acquire(file)).not.toBe(sink);
  await sinks.close();
});

test('after reopen a rotated file is left alone', async () => {
  const { sinks } = setUp();
  const file = path.join(folder, 'rotated.log');
  const sink = sinks.acquire(file);
  sink.write('old\n');
  await sink.flush();
  fs.renameSync(file, `${file}.1`);
  sinks.reopen();
  sink.write('new\n');
  await sinks.close();
  expect(fs.readFileSync(`${file}.1`, 'utf8')).toBe('old\n');
  expect(fs.readFileSync(file, 'utf8')).toBe('new\n');
});

test('a full disk costs lines, which are counted, and is reported once a minute', async () => {
  const { sinks, reports, clock, count } = setUp();
  const sink = sinks.acquire('/dev/full');
  for (const atMs of [0, 1_000, 59_999, 60_000]) {
    clock.nowMs = atMs;
    sink.write('lost\n');
    await sink.flush();
  }
  expect(count('lines_dropped')).toBe(4);
  expect(reports).toHaveLength(2);
  expect(reports[0]).toContain('access log /dev/full cannot be written: ENOSPC');
  await sinks.close();
});

test('a file that cannot be opened is tried again', async () => {
  const { sinks, reports, count } = setUp();
  const file = path.join(folder, 'later', 'access.log');
  const sink = sinks.acquire(file);
  sink.write('lost\n');
  await sink.flush();
  expect(reports[0]).toContain('ENOENT');
  fs.mkdirSync(path.dirname(file));
  sink.write('kept\n');
  await sinks.close();
  expect(fs.readFileSync(file, 'utf8')).toBe('kept\n');
  expect(count('lines_dropped')).toBe(1);
});

test('a destination that does not keep up is given a bounded amount of memory', async () => {
  const { sinks, reports, count } = setUp();
  const file = path.join(folder, 'slow.log');
  const sink = sinks.acquire(file);
  const line = `${'x'.repeat(1023)}\n`;
  // All within one turn of the loop, so nothing can have been written in between.
  for (let written = 0; written < 8 * logLimits.waitingBytes; written += line.length) sink.write(line);
  const dropped = count('lines_dropped');
  expect(dropped).toBeGreaterThan((6.5 * logLimits.waitingBytes) / line.length);
  expect(reports).toEqual([expect.stringContaining('is too slow')]);
  await sinks.close();
  expect(fs.statSync(file).size).toBe(8 * logLimits.waitingBytes - dropped * line.length);
});

test('the access logs of a listener write to their sinks', async () => {
  const { sinks } = setUp();
  const file = path.join(folder, 'loggers.log');
  const opened = openAccessLoggers(
    [
      { path: file, format: { type: 'text', text: '%RESPONSE_CODE% %REQ(X-A)%\n' } },
      { path: file, format: { type: 'json', fields: { a: '%REQ(X-A)%' } } },
    ],
    sinks,
    Math.random,
  );
  expect(opened.requestHeaders).toEqual(['x-a']);
  const entry = { ...emptyLogEntry(), status: 204, requestHeaders: ['v'] };
  for (const logger of opened.loggers) logger.write(entry);
  await opened.close();
  expect(fs.readFileSync(file, 'utf8')).toBe('204 v\n{"a":"v"}\n');
});
