/** A TLS session that is taken up again says no more of a client than the handshake that it stands on. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import type net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { serverFiles, testFile } from '../../e2e/support/tls.ts';
import { limits } from './limits.ts';
import type { PeerCertificate } from './ports.ts';
import { SecureFront } from './secure-front.ts';
import { ManualTimers } from './testing/manual-timers.ts';
import type { TlsFiles } from './tls-files.ts';

interface Door {
  readonly timers: ManualTimers;
  /** Resolves at the next line of the log. */
  logged(): Promise<string>;
  /** One connection: what the server makes of it, and the session with which to come again. */
  visit(
    options: tls.ConnectionOptions,
  ): Promise<{ made: PeerCertificate | undefined; reused: boolean; session: Buffer }>;
}

async function open(files: TlsFiles = serverFiles): Promise<Door> {
  const timers = new ManualTimers();
  let heard: (line: string) => void = () => {};
  const log = (_fields: object, message: string): void => heard(message);
  const logger = { debug: log, info: log, warn: log, error: log };
  const front = await SecureFront.open(files, { timers, logger, now: () => 0 });
  let served: (made: PeerCertificate | undefined) => void = () => {};
  const listener = front.listener((socket) => {
    served(front.certificateOf(`${socket.remoteAddress}:${socket.remotePort}`));
    socket.on('error', () => {}).end('x');
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  onTestFinished(() => {
    front.close();
    listener.close();
  });
  return {
    timers,
    logged: () => new Promise((resolve) => (heard = resolve)),
    visit: async (options) => {
      const made = new Promise<PeerCertificate | undefined>((resolve) => (served = resolve));
      const { port } = listener.address() as net.AddressInfo;
      const ca = readFileSync(testFile('ca.pem'));
      const socket = tls.connect({ ...options, port, host: '127.0.0.1', ca, ALPNProtocols: ['h2'] });
      const session = once(socket, 'session');
      // of a session that is taken up again no new one is waited for
      session.catch(() => {});
      socket.resume();
      await once(socket, 'secureConnect');
      const reused = socket.isSessionReused();
      const answer = { made: await made, reused, session: reused ? Buffer.alloc(0) : ((await session)[0] as Buffer) };
      socket.destroy();
      return answer;
    },
  };
}

function presenting(certificate: string): tls.ConnectionOptions {
  return { cert: readFileSync(testFile(certificate)), key: readFileSync(testFile('client.key')) };
}

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  '%s: who was trusted is known again; who was not is not',
  async (version) => {
    const { visit } = await open();
    for (const certificate of ['edge.pem', 'stranger.pem', 'expired.pem']) {
      const options = { ...presenting(certificate), minVersion: version, maxVersion: version };
      const first = await visit(options);
      expect(first.made?.trusted, certificate).toBe(certificate === 'edge.pem');
      const again = await visit({ ...options, session: first.session });
      expect([again.reused, again.made], certificate).toEqual([true, first.made]);
    }
  },
);

test('a session does not outlive the authority that vouched for its client', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fairlead-tls-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const clientCa = path.join(folder, 'ca.pem');
  await copyFile(serverFiles.clientCa, clientCa);
  const { visit, timers, logged } = await open({ ...serverFiles, clientCa });
  const { made, session } = await visit(presenting('edge.pem'));
  expect(made?.trusted).toBe(true);
  await copyFile(testFile('stranger-ca.pem'), clientCa);
  const line = logged();
  timers.advance(limits.tlsRereadMs);
  expect(await line).toContain('are taken for new connections');
  const again = await visit({ ...presenting('edge.pem'), session });
  expect([again.reused, again.made?.trusted]).toEqual([false, false]);
});
