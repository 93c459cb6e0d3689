/** The conformance tests of HTTP/2 against a listener, with an HTTP/1.1 upstream behind it. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import type net from 'node:net';
import { expect, test } from 'vitest';
import { requirePeer } from '../../e2e/support/peers.ts';
import { serverFiles } from '../../e2e/support/tls.ts';
import type { TlsConfig } from '../model/config.ts';
import { startProxy } from '../proxy-testing.ts';
import { clusterOf } from '../testing.ts';

const h2spec = requirePeer('h2spec');
const [chain, key] = [readFileSync(serverFiles.cert, 'utf8'), readFileSync(serverFiles.key, 'utf8')];
const tls: TlsConfig = {
  certificates: [{ name: 'server', chain, key, hosts: ['localhost'] }],
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  alpn: ['h2', 'http/1.1'],
  handshakeTimeoutMs: 10_000,
  client: null,
};

test.skipIf(h2spec === undefined).each([
  ['in the clear', undefined],
  ['over TLS', tls],
])('a listener keeps to all 146 cases of h2spec, strict, %s', async (_, secured) => {
  const upstream = http.createServer((request, response) => {
    request.resume().on('end', () => response.end('Long enough for what h2spec does with windows.'));
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const { port } = upstream.address() as net.AddressInfo;
  const proxy = await startProxy({
    cluster: clusterOf([port]),
    ...(secured !== undefined && { tls: secured }),
  });
  const flags = secured === undefined ? [] : ['--tls', '--insecure'];
  const args = ['--strict', '--host', '127.0.0.1', '--port', String(proxy.port), '--timeout', '30', ...flags];
  const output = await new Promise<string>((resolve) => {
    execFile(h2spec ?? '', args, { maxBuffer: 16 * 1024 * 1024 }, (_, stdout, stderr) => resolve(`${stdout}${stderr}`));
  });
  await proxy.stop();
  upstream.close();
  expect(output).toContain('146 tests, 146 passed, 0 skipped, 0 failed');
  expect(proxy.faults).toEqual([]);
});
