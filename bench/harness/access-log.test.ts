import { appendFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { takeAccessLog } from './access-log.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'fairlead-access-log-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('lines that a proxy writes late are waited for; then the log is emptied', async () => {
  const accessLog = path.join(folder, 'late.log');
  writeFileSync(accessLog, '');
  const taken = takeAccessLog({ name: 'envoy', accessLog }, 2);
  setTimeout(() => appendFileSync(accessLog, 'x'.repeat(100)), 1);
  await taken;
  expect(statSync(accessLog).size).toBe(0);
});

test('a log that is off is an error, and so is one that is not there', async () => {
  const accessLog = path.join(folder, 'off.log');
  const take = () => takeAccessLog({ name: 'envoy', accessLog }, 10, 0);
  await expect(take()).rejects.toThrow('envoy wrote no access log for 10 lines');
  writeFileSync(accessLog, '');
  await expect(take()).rejects.toThrow('envoy wrote 0 B of access log for 10 lines');
});
