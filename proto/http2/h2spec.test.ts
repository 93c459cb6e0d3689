import { execFile } from 'node:child_process';
import { expect, test } from 'vitest';
import { requirePeer } from '../../e2e/support/peers.ts';
import { startEchoServer } from './testing/echo-server.ts';

const h2spec = requirePeer('h2spec');

test.skipIf(h2spec === undefined)('a server keeps to all 146 cases of h2spec, strict', async () => {
  const server = await startEchoServer();
  const args = ['--strict', '--host', '127.0.0.1', '--port', String(server.port), '--timeout', '5'];
  const output = await new Promise<string>((resolve) => {
    execFile(h2spec ?? '', args, { maxBuffer: 16 * 1024 * 1024 }, (_, stdout, stderr) => resolve(`${stdout}${stderr}`));
  });
  await server.close();
  expect(output).toContain('146 tests, 146 passed, 0 skipped, 0 failed');
});
