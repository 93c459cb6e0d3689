import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { adminTokenFile, findAdminToken, readAdminToken, writeAdminToken } from './admin-token.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'fairlead-token-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('a token is found again, and only its owner may read the file', () => {
  const home = path.join(folder, 'new');
  expect(findAdminToken(home)).toBeUndefined();
  writeAdminToken(home, 'first');
  writeAdminToken(home, 'second');
  expect(findAdminToken(home)).toBe('second');
  expect(statSync(adminTokenFile(home)).mode & 0o777).toBe(0o600);
  expect(statSync(home).mode & 0o777).toBe(0o700);
});

test('without a token the message says what to set, also where an empty file lies', () => {
  const home = path.join(folder, 'empty');
  expect(() => readAdminToken(home, true)).toThrow('FAIRLEAD_ADMIN_TOKEN');
  writeAdminToken(home, 'x');
  writeFileSync(adminTokenFile(home), '\n');
  expect(() => readAdminToken(home, true)).toThrow('FAIRLEAD_ADMIN_TOKEN');
});

test('with Postgres a file that lies about is not the token of the replicas', () => {
  const home = path.join(folder, 'replica');
  writeAdminToken(home, 'mine');
  expect(readAdminToken(home, true)).toBe('mine');
  expect(() => readAdminToken(home, false)).toThrow('FAIRLEAD_ADMIN_TOKEN');
});
