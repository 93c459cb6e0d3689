import net from 'node:net';
import tls from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { makeCertificate } from '../../e2e/support/certificates.ts';
import { type ProxyOptions, startProxy, startRawUpstream } from '../proxy-testing.ts';
import { clusterOf } from '../testing.ts';
import { ConnectionGate } from './connection-gate.ts';
import { isPublicAddress } from './public-address.ts';

test('a full node lets nobody in until one has left', () => {
  const gate = new ConnectionGate({ connections: 2, connectionsPerAddress: 0 }, () => true);
  expect([gate.enter('a'), gate.enter('b'), gate.enter('a')]).toEqual([null, null, 'node']);
  gate.leave('b');
  expect([gate.enter('c'), gate.enter('c')]).toEqual([null, 'node']);
  expect(gate.open).toBe(2);
});

test('an address that is counted has its share, others go by', () => {
  const gate = new ConnectionGate({ connections: 100, connectionsPerAddress: 2 }, (address) => address !== 'inner');
  expect(['a', 'a', 'a', 'b'].map((address) => gate.enter(address))).toEqual([null, null, 'address', null]);
  expect(['inner', 'inner', 'inner'].map((address) => gate.enter(address))).toEqual([null, null, null]);
  gate.leave('a');
  expect([gate.enter('a'), gate.enter('a')]).toEqual([null, 'address']);
  for (const address of ['a', 'a', 'b', 'inner', 'inner', 'inner']) gate.leave(address);
  expect(gate.open).toBe(0);
  expect([gate.enter('a'), gate.enter('a'), gate.enter('a')]).toEqual([null, null, 'address']);
});

test.each([
  ['127.0.0.1', false],
  ['10.1.2.3', false],
  ['172.31.0.1', false],
  ['172.32.0.1', true],
  ['192.168.1.1', false],
  ['169.254.0.1', false],
  ['100.64.0.1', true],
  ['8.8.8.8', true],
  ['::1', false],
  ['fd00::1', false],
  ['fe80::1', false],
  ['2001:db8::1', true],
  ['::ffff:10.0.0.1', false],
  ['::ffff:8.8.8.8', true],
])('%s is a public address: %s', (address, expected) => {
  expect(isPublicAddress(address)).toBe(expected);
});

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

async function start(options: Partial<ProxyOptions>) {
  const upstream = await startRawUpstream(() => {});
  const proxy = await startProxy({ cluster: clusterOf([upstream.port]), ...options });
  running.push(upstream, proxy);
  return proxy;
}

interface Client {
  readonly socket: net.Socket;
  /** True: the proxy has let it in; false: it has closed it. */
  readonly admitted: Promise<boolean>;
}

/** Connects, and asks what is answered at once (no host: 400), on a connection that is let in. */
function connect(port: number, localAddress = '127.0.0.1', secure = false): Client {
  const options = { port, host: '127.0.0.1', localAddress };
  const socket = secure
    ? tls.connect({ ...options, rejectUnauthorized: false } as tls.ConnectionOptions)
    : net.connect(options);
  const admitted = new Promise<boolean>((resolve) => {
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
    socket.once(secure ? 'secureConnect' : 'connect', () => socket.write('GET / HTTP/1.1\r\nhost: a\r\n'));
  });
  return { socket, admitted };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

test('a listener closes what comes beyond its limit, and takes the next when one has gone', async () => {
  const proxy = await start({ maxConnections: 2 });
  const { stats, listenerStats } = proxy.server;
  const [first, second] = [connect(proxy.port), connect(proxy.port)];
  await until(() => stats.cxRxBytesTotal.value === 2 * 25);
  expect(await connect(proxy.port).admitted).toBe(false);
  expect(listenerStats.cxOverflow.value).toBe(1);
  proxy.server.maxConnections = 3;
  connect(proxy.port);
  await until(() => stats.cxActive.value === 3);
  first!.socket.destroy();
  await until(() => stats.cxActive.value === 2);
  connect(proxy.port);
  await until(() => stats.cxActive.value === 3);
  expect(listenerStats.cxOverflow.value).toBe(1);
  second!.socket.destroy();
});

test.each([false, true])('node and addresses have their limits, inside TLS: %s', async (secure) => {
  const { certificate: chain, key } = makeCertificate({ hosts: ['a'] });
  const tlsConfig = {
    certificates: [{ name: 'a', chain, key, hosts: ['a'] }],
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    alpn: ['http/1.1'],
    handshakeTimeoutMs: 10_000,
    client: null,
  } as const;
  const proxy = await start({
    limits: { connections: 3, connectionsPerAddress: 2 },
    ...(secure && { tls: tlsConfig }),
  });
  const { stats, listenerStats } = proxy.server;
  const go = (address: string): Client => connect(proxy.port, address, secure);
  const inside = [go('127.0.0.1'), go('127.0.0.1')];
  await until(() => stats.cxActive.value === 2);
  expect(await go('127.0.0.1').admitted).toBe(false);
  expect(listenerStats.cxAddressOverflow.value).toBe(1);
  inside.push(go('127.0.0.2'));
  await until(() => stats.cxActive.value === 3);
  expect(await go('127.0.0.3').admitted).toBe(false);
  expect(listenerStats.cxGlobalOverflow.value).toBe(1);
  for (const { socket } of inside) socket.destroy();
  await until(() => stats.cxActive.value === 0);
  // each has left: the same may come again
  for (const address of ['127.0.0.1', '127.0.0.1', '127.0.0.3']) go(address);
  await until(() => stats.cxActive.value === 3);
});

test('a handshake that fails, or is never begun, gives its place back', async () => {
  const { certificate: chain, key } = makeCertificate({ hosts: ['a'] });
  const proxy = await start({
    limits: { connections: 1 },
    tls: {
      certificates: [{ name: 'a', chain, key, hosts: ['a'] }],
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
      alpn: ['http/1.1'],
      handshakeTimeoutMs: 10_000,
      client: null,
    },
  });
  const silent = net.connect(proxy.port, '127.0.0.1');
  silent.on('error', () => {});
  await until(() => proxy.server.handshakeCount === 1);
  expect(await connect(proxy.port).admitted).toBe(false);
  proxy.clock.advance(11_000);
  await until(() => silent.destroyed);
  // plain text is no hello
  expect(await connect(proxy.port).admitted).toBe(false);
  expect(proxy.server.listenerStats.sslConnectionError.value).toBeGreaterThan(0);
  await until(() => proxy.server.handshakeCount === 0);
  connect(proxy.port, '127.0.0.1', true);
  await until(() => proxy.server.stats.cxActive.value === 1);
});
