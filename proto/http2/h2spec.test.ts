import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { requirePeer } from '../../e2e/support/peers.ts';
import { serverFiles } from '../../e2e/support/tls.ts';
import { startEchoServer } from './testing/echo-server.ts';

const h2spec = requirePeer('h2spec');

test.skipIf(h2spec === undefined).each([
  ['in the clear', undefined],
  ['over TLS', { cert: readFileSync(serverFiles.cert), key: readFileSync(serverFiles.key) }],
])('a server keeps to all 146 cases of h2spec, strict, %s', async (_, identity) => {
  const server = await startEchoServer({}, identity);
  const tls = identity === undefined ? [] : ['--tls', '--insecure'];
  const args = ['--strict', '--host', '127.0.0.1', '--port', String(server.port), '--timeout', '30', ...tls];
  const output = await new Promise<string>((resolve) => {
    execFile(h2spec ?? '', args, { maxBuffer: 16 * 1024 * 1024 }, (_, stdout, stderr) => resolve(`${stdout}${stderr}`));
  });
  await server.close();
  expect(output).toContain('146 tests, 146 passed, 0 skipped, 0 failed');
});
