import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { keyOfHome } from './secret-key.ts';

test('the first start makes a key that only its owner can read; later ones take it', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'fairlead-key-'));
  try {
    const key = keyOfHome(home);
    const file = path.join(home, 'key');
    expect(key).toHaveLength(32);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(keyOfHome(home)).toEqual(key);
    writeFileSync(file, 'hunter2\n');
    expect(() => keyOfHome(home)).toThrow(`The file ${file} is not a key`);
    expect(readFileSync(file, 'utf8')).toBe('hunter2\n');
  } finally {
    rmSync(home, { recursive: true });
  }
});
