/** The xDS port over TLS: who gets a handshake, which certificate is believed, and how renewed files are taken. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { copyFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { type ChannelCredentials, credentials, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { serverFiles, testFile } from '../../e2e/support/tls.ts';
import { limits } from './limits.ts';
import type { AuthorizeStream, PeerCertificate } from './ports.ts';
import { Harness } from './testing/harness.ts';
import type { TlsFiles } from './tls-files.ts';

let harness: Harness;
/** As the last stream presented it. */
let presented: PeerCertificate | undefined;

const authorize: AuthorizeStream = async (_token, _node, certificate) => {
  presented = certificate;
  if (certificate?.trusted !== false) return { ok: true };
  return { ok: false, code: 'unauthenticated', message: `no: ${certificate.reason}` };
};

async function start(files: TlsFiles = serverFiles): Promise<void> {
  harness = await Harness.start({ clusters: { a: 1 } }, authorize, async () => ({ ok: true }), { tls: files });
}

// the counter check of the conformance suite runs in every test
afterEach(() => harness.stop());

function client(certificate?: string, ca = 'ca.pem'): ChannelCredentials {
  const authority = readFileSync(testFile(ca));
  if (certificate === undefined) return credentials.createSsl(authority);
  const key = certificate.startsWith('server') ? 'server.key' : 'client.key';
  return credentials.createSsl(authority, readFileSync(testFile(key)), readFileSync(testFile(certificate)));
}

describe.each(['sotw', 'delta'] as const)('%s', (variant) => {
  test('a client with a certificate of the authority is known by the names in it', async () => {
    await start();
    const stream = harness.connect(client('edge-n1.pem')).open(variant).subscribe('clusters');
    expect((await stream.take()).resources).toEqual(['a']);
    expect(presented).toEqual({ trusted: true, uris: ['spiffe://fairlead.test/fairlead/group/edge/node/n1'] });
  });

  test.each([
    ['asked for, and there is none', serverFiles, undefined],
    ['not asked for', { ...serverFiles, clientCa: undefined }, 'edge.pem'],
  ])('where a certificate is %s, the client is served without', async (_name, files, certificate) => {
    await start(files);
    const stream = harness.connect(client(certificate)).open(variant).subscribe('clusters');
    expect((await stream.take()).resources).toEqual(['a']);
    expect(presented).toBeUndefined();
  });

  test.each([
    ['expired', 'expired.pem', /^no: it has expired; renew it$/],
    [
      'meant for servers',
      'server.pem',
      /^no: it is not meant for clients; its extended key usage has to name clientAuth$/,
    ],
    [
      'of another authority',
      'stranger.pem',
      /^no: no authority of FAIRLEAD_XDS_CLIENT_CA vouches for it \(UNABLE_TO_\w+\)$/,
    ],
  ])('a certificate that is %s is refused on both sides with the reason', async (_name, certificate, reason) => {
    await start();
    const { code, details } = await harness.connect(client(certificate)).open(variant).subscribe('clusters').ended;
    expect(code).toBe(status.UNAUTHENTICATED);
    expect(details).toMatch(reason);
    expect(harness.log).toEqual([`warn: stream refused: ${details}`]);
  });
});

test('a certificate that expires while the connection lasts opens no more streams', async () => {
  await start();
  const connection = harness.connect(client('edge.pem'));
  await connection.open('delta').subscribe('clusters').take();
  harness.timers.advance(Date.parse('2126-01-01T00:00:00Z'));
  expect((await connection.open('delta').subscribe('clusters').ended).details).toBe('no: it has expired; renew it');
});

/** Bytes, or a TLS handshake, from a client that is none of gRPC's. Resolves when the server has closed it. */
async function visit(options: tls.ConnectionOptions | string): Promise<void> {
  const { port } = harness.server.address;
  const socket =
    typeof options === 'string'
      ? net.connect(port, '127.0.0.1', () => socket.write(options))
      : tls.connect({ ...options, port, host: '127.0.0.1', ca: readFileSync(testFile('ca.pem')) });
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('close', resolve));
}

test.each([
  ['speaks plain HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /does not speak TLS; .*--xds-ca/],
  ['speaks plain HTTP/1', 'GET / HTTP/1.1\r\n\r\n', /does not speak TLS/],
  ['knows TLS 1.1 at most', { maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }, /the TLS handshake failed/],
  ['wants HTTP/1', { ALPNProtocols: ['http/1.1'] }, /the TLS handshake failed/],
  ['offers no protocol', {}, /did not offer HTTP\/2 \(ALPN h2\)/],
] as const)('a client that %s is refused, and the log says why', async (_name, options, why) => {
  await start();
  await visit(options as tls.ConnectionOptions | string);
  await harness.untilLogged(1);
  expect(harness.log).toEqual([expect.stringMatching(/^warn: xDS connection refused: /)]);
  expect(harness.log[0]).toMatch(why);
});

test('a client that does not trust the server leaves, and knows why', async () => {
  await start();
  const stream = harness.connect(client(undefined, 'stranger-ca.pem')).open('delta').subscribe('clusters');
  expect(await stream.ended).toMatchObject({
    code: status.UNAVAILABLE,
    details: expect.stringMatching(/self.signed/i),
  });
});

describe('renewed files', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fairlead-tls-'));
  const files = { ...serverFiles, cert: path.join(folder, 'cert'), key: path.join(folder, 'key') };
  afterEach(() => rm(folder, { recursive: true }));

  const serialNumber = async (): Promise<string> => {
    const { port } = harness.server.address;
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      ca: readFileSync(testFile('ca.pem')),
      ALPNProtocols: ['h2'],
    });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const nextLook = async (logged: number): Promise<void> => {
    harness.timers.advance(limits.tlsRereadMs);
    await harness.untilLogged(logged);
  };

  test('are taken for new connections, streams stay; a bad pair is told once, and the old one stays', async () => {
    await copyFile(serverFiles.cert, files.cert);
    await copyFile(serverFiles.key, files.key);
    await start(files);
    const connection = harness.connect(client('edge.pem'));
    const stream = connection.open('delta').subscribe('clusters');
    await stream.take();
    const first = await serialNumber();

    await copyFile(testFile('client.key'), files.key);
    await nextLook(1);
    expect(harness.log).toEqual([
      expect.stringMatching(/^error: renewed xDS certificates are not taken, those before stay .* does not belong to/),
    ]);
    expect(await serialNumber()).toBe(first);

    // the same again is not told again: the next line is the one after the next fault
    harness.timers.advance(limits.tlsRereadMs);
    await harness.timers.untilPending(1);
    await writeFile(files.key, '');
    await nextLook(2);
    expect(harness.log[1]).toMatch(/^error: .* holds no private key/);
    expect(await serialNumber()).toBe(first);

    await copyFile(serverFiles.key, files.key);
    await copyFile(testFile('server-renewed.pem'), files.cert);
    await nextLook(3);
    expect(harness.log[2]).toBe('info: renewed xDS certificates are taken for new connections');
    expect(await serialNumber()).not.toBe(first);

    harness.publish({ clusters: { a: 2 } });
    expect((await stream.take()).resources).toEqual(['a']);
    await connection.open('sotw').subscribe('clusters').take();
    expect(harness.errors.splice(0)).toHaveLength(2);
  });
});
