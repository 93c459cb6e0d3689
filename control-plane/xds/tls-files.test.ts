import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverFiles, testFile } from '../../e2e/support/tls.ts';
import { checkTlsMaterial, readTlsFiles, type TlsFiles, TlsFilesError } from './tls-files.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'fairlead-tls-'));
  await writeFile(path.join(folder, 'empty'), '');
  const server = await readFile(serverFiles.cert, 'utf8');
  await writeFile(path.join(folder, 'chain'), `one\n${server}two\n${await readFile(serverFiles.clientCa, 'utf8')}`);
  await writeFile(path.join(folder, 'cut'), server.slice(0, 300));
  await writeFile(path.join(folder, 'garbled'), server.replace('MII', 'AAA'));
});
afterAll(() => rm(folder, { recursive: true }));

async function check(change: Partial<TlsFiles>): Promise<number> {
  const files = { ...serverFiles, ...change };
  return checkTlsMaterial(files, await readTlsFiles(files));
}

test('files that go together are taken, a chain and no client authority too', async () => {
  const end = Date.parse('2126-01-01T00:00:00Z');
  expect(await check({})).toBe(end);
  expect(await check({ clientCa: undefined })).toBe(end);
  expect(await check({ cert: path.join(folder, 'chain') })).toBe(end);
});

const bad: [string, keyof TlsFiles, () => string, RegExp][] = [
  ['a certificate that is not there', 'cert', () => path.join(folder, 'none'), /none: there is no such file\.$/],
  ['a key that is not there', 'key', () => path.join(folder, 'none'), /none: there is no such file\.$/],
  ['an authority that is not there', 'clientCa', () => path.join(folder, 'none'), /none: there is no such file\.$/],
  ['a folder', 'cert', () => folder, /it is a folder\.$/],
  ['an empty certificate', 'cert', () => path.join(folder, 'empty'), /empty holds no certificate in PEM form\.$/],
  ['a cut certificate', 'cert', () => path.join(folder, 'cut'), /cut holds no certificate in PEM form\.$/],
  [
    'a garbled certificate',
    'cert',
    () => path.join(folder, 'garbled'),
    /garbled holds a certificate that cannot be read/,
  ],
  ['a key for a certificate', 'cert', () => serverFiles.key, /server\.key holds no certificate in PEM form\.$/],
  ['a certificate for a key', 'key', () => serverFiles.cert, /server\.pem holds no private key that can be used/],
  ['an empty key', 'key', () => path.join(folder, 'empty'), /empty holds no private key that can be used/],
  ['an empty authority', 'clientCa', () => path.join(folder, 'empty'), /empty holds no certificate/],
  ['a node for an authority', 'clientCa', () => testFile('edge.pem'), /edge\.pem .* no authority's: CN=edge\.$/],
];

const setting = { cert: 'FAIRLEAD_XDS_CERT', key: 'FAIRLEAD_XDS_KEY', clientCa: 'FAIRLEAD_XDS_CLIENT_CA' };

test.each(bad)('%s is refused with the setting to change', async (_name, field, file, message) => {
  const refused = await check({ [field]: file() }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(TlsFilesError);
  expect(refused).toMatchObject({ code: 'tls-files', message: expect.stringMatching(message) });
  expect((refused as TlsFilesError).remedy).toContain(`${setting[field]} (--xds-`);
});

test('a key of another certificate is refused with both names', async () => {
  await expect(check({ key: testFile('client.key') })).rejects.toThrow(
    /private key in \S+client\.key does not belong to the certificate in \S+server\.pem/,
  );
});
