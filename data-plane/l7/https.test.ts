/** HTTP inside TLS through the proxy, over real sockets. */
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { makeCertificate } from '../../e2e/support/certificates.ts';
import type { TlsConfig } from '../model/config.ts';
import { type ProxyOptions, startProxy, startRawUpstream } from '../proxy-testing.ts';
import { clusterOf } from '../testing.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

const certificate = (name: string, ...hosts: string[]) => {
  const made = makeCertificate({ hosts });
  return { name, chain: made.certificate, key: made.key, hosts };
};
const shop = certificate('shop', 'shop.example.com');
const config: TlsConfig = {
  certificates: [shop, certificate('wild', '*.wild.example.com')],
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  alpn: ['http/1.1'],
  handshakeTimeoutMs: 10_000,
  client: null,
};
const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

async function start(answer = ok, rest: Partial<ProxyOptions> = {}) {
  const seen: string[] = [];
  const upstream = await startRawUpstream((socket, all) => {
    const text = all.toString('latin1');
    if (!text.endsWith('\r\n\r\n')) return;
    seen.push(text);
    socket.write(answer, 'latin1');
  });
  const proxy = await startProxy({ cluster: clusterOf([upstream.port]), tls: config, ...rest });
  running.push(upstream, proxy);
  return { proxy, seen };
}

function connect(port: number, options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const base = { port, host: '127.0.0.1', servername: 'shop.example.com', rejectUnauthorized: false };
    const socket = tls.connect({ ...base, ...options }, () => resolve(socket));
    socket.once('error', reject);
  });
}

function ask(socket: net.Socket, bytes: string, until: (answer: string) => boolean): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const onData = (chunk: Buffer): void => {
      answer += chunk.toString('latin1');
      if (until(answer)) done();
    };
    const done = (): void => {
      socket.off('data', onData);
      resolve(answer);
    };
    socket.on('data', onData);
    socket.once('close', done);
    socket.write(bytes, 'latin1');
  });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const nameOf = (socket: tls.TLSSocket): unknown => socket.getPeerCertificate().subject.CN;

test('requests inside TLS are proxied one after the other, and upstream hears that they came so', async () => {
  const { proxy, seen } = await start();
  const socket = await connect(proxy.port, { ALPNProtocols: ['h2', 'http/1.1'] });
  expect(socket.alpnProtocol).toBe('http/1.1');
  for (const _ of [1, 2]) expect(await ask(socket, get, (a) => a.endsWith('ok'))).toContain('HTTP/1.1 200 OK');
  expect(seen[0]).toContain('x-forwarded-proto: https\r\n');
  expect(seen[0]).toContain('x-forwarded-for: 192.0.2.1\r\n');
  expect(proxy.server.listenerStats.sslHandshake.value).toBe(1);
  expect(proxy.server.connectionCount).toBe(1);
  socket.destroy();
  await until(() => proxy.server.connectionCount === 0);
  expect(proxy.faults).toEqual([]);
});

test('a target that says https is one of this listener', async () => {
  const { proxy, seen } = await start();
  const socket = await connect(proxy.port);
  const asked = 'GET https://a:443/x HTTP/1.1\r\nHost: a\r\n\r\n';
  expect(await ask(socket, asked, (a) => a.endsWith('ok'))).toContain('HTTP/1.1 200 OK');
  expect(seen[0]).toContain('GET /x HTTP/1.1\r\nhost: a:443\r\n');
  socket.destroy();
});

test('who agreed on HTTP/2 and then speaks HTTP/1.1 is told what is wrong, and cut', async () => {
  const { proxy, seen } = await start(ok, { tls: { ...config, alpn: ['h2', 'http/1.1'] } });
  const socket = await connect(proxy.port, { ALPNProtocols: ['h2'] });
  expect(await ask(socket, get, () => false)).toContain('does not begin with the preface');
  expect(seen).toEqual([]);
  expect(proxy.server.stats.cxProtocolError.value).toBe(1);
});

test('bodies larger than any buffer pass both ways', async () => {
  const body = 'x'.repeat(3 * 1024 * 1024);
  const { proxy } = await start(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  const socket = await connect(proxy.port);
  const answer = await ask(socket, get, (a) => a.length > body.length + 100);
  expect(answer.slice(answer.indexOf('\r\n\r\n') + 4) === body).toBe(true);
  socket.destroy();
});

test('the certificate is the one of the host that the client names, else the first', async () => {
  const { proxy } = await start();
  for (const [servername, expected] of [
    ['shop.example.com', 'shop.example.com'],
    ['a.wild.example.com', '*.wild.example.com'],
    ['nobody.example.net', 'shop.example.com'],
  ]) {
    const socket = await connect(proxy.port, { servername: servername! });
    expect(nameOf(socket)).toBe(expected);
    socket.destroy();
  }
});

test('a renewed certificate is for new connections; open ones go on', async () => {
  const { proxy } = await start();
  const before = await connect(proxy.port);
  await ask(before, get, (a) => a.endsWith('ok'));
  proxy.server.updateTls({ ...config, certificates: [certificate('shop', 'renewed.example.com')] });
  const after = await connect(proxy.port);
  expect(nameOf(after)).toBe('renewed.example.com');
  expect(await ask(before, get, (a) => a.endsWith('ok'))).toContain('200 OK');
  before.destroy();
  after.destroy();
});

test('a version that is too old, plain text, and a hello that is none end in an error, and only for who sent them', async () => {
  const { proxy } = await start(ok, { tls: { ...config, minVersion: 'TLSv1.3' } });
  const good = await connect(proxy.port);
  await expect(connect(proxy.port, { maxVersion: 'TLSv1.2' })).rejects.toThrow();
  for (const bytes of [get, '\x16\x03\x01\xff\xff', '\x80\x2e\x01\x00\x02\x00\x15\x00']) {
    const socket = net.connect(proxy.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.end(bytes, 'latin1');
    await new Promise((resolve) => socket.once('close', resolve).resume());
  }
  await until(() => proxy.server.listenerStats.sslConnectionError.value === 4);
  expect(await ask(good, get, (a) => a.endsWith('ok'))).toContain('200 OK');
  good.destroy();
  expect(proxy.faults).toEqual([]);
});

test('a client that says nothing is let go when its time for the handshake is over', async () => {
  const { proxy } = await start();
  const socket = net.connect(proxy.port, '127.0.0.1');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => {});
  await until(() => proxy.server.handshakeCount === 1);
  proxy.clock.advance(11_000);
  await closed;
  expect(proxy.server.listenerStats.cxTransportSocketConnectTimeout.value).toBe(1);
});

test('a drain ends idle connections and handshakes, and lets a request finish', async () => {
  const { proxy } = await start('');
  const busy = await connect(proxy.port);
  const idle = await connect(proxy.port);
  const silent = net.connect(proxy.port, '127.0.0.1');
  silent.on('error', () => {});
  const answered = ask(busy, get, (a) => a.includes('\r\n\r\n'));
  await until(() => proxy.cluster.stats.rqActive.value === 1);
  const ended = Promise.all(
    [idle, silent].map((socket) => new Promise((resolve) => socket.once('close', resolve).resume())),
  );
  const drained = proxy.server.drain();
  await ended;
  proxy.clock.advance(20_000);
  expect(await answered).toContain('connection: close');
  await drained;
});
