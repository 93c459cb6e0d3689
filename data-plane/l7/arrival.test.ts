/** Connections whose sockets do not say who the client is. */
import http2 from 'node:http2';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { v2 } from '../codec/proxy-protocol-testing.ts';
import type { Arrival } from '../model/arrival.ts';
import { startProxy, startRawUpstream, talk } from '../proxy-testing.ts';
import { clusterOf } from '../testing.ts';
import { H1Connection } from './h1-connection.ts';
import { H2Connection } from './h2-connection.ts';
import { H2StreamPool } from './h2-stream.ts';
import type { HttpListener } from './http-context.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

const arrival: Arrival = {
  ...{ remoteAddress: '203.0.113.7', remotePort: 4711, localAddress: '2001:db8::1', localPort: 443 },
  ...{ directAddress: '10.0.0.2', directPort: 50_000 },
  ...{ serverName: 'shop.example.com', alpn: ['h2'], proxyTlvs: new Map([['unique_id', 'id-1']]), rawTlvs: [] },
};

const logged = {
  downstreamIp: '203.0.113.7',
  downstreamAddress: '203.0.113.7:4711',
  directAddress: '10.0.0.2:50000',
  localAddress: '[2001:db8::1]:443',
  requestedServerName: 'shop.example.com',
  proxyTlvs: arrival.proxyTlvs,
};

type Receiver = { onBytes(b: Buffer, bytes: number): void };

/** A port whose connections have all arrived so. */
async function arriving(connect: (socket: net.Socket, listener: HttpListener, onClosed: () => void) => Receiver) {
  let seen = '';
  const upstream = await startRawUpstream((socket, all) => {
    seen = all.toString('latin1');
    if (seen.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
  });
  const proxy = await startProxy({ cluster: clusterOf([upstream.port]) });
  const server = net.createServer((socket) => {
    const receiver = connect(socket, proxy.server, () => {});
    socket.on('data', (chunk) => receiver.onBytes(chunk, chunk.length));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  running.push(upstream, proxy, { stop: close });
  return { proxy, port: (server.address() as net.AddressInfo).port, seen: () => seen };
}

test('HTTP/1.1: a request is that of the client that its connection tells of', async () => {
  const { proxy, port, seen } = await arriving(
    (socket, listener, onClosed) => new H1Connection(socket, listener, '', onClosed, arrival),
  );
  await talk(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', (answer) => answer.endsWith('ok'));
  expect(seen()).toContain('\r\nx-forwarded-for: 203.0.113.7\r\n');
  expect(proxy.log).toMatchObject([logged]);
});

test('HTTP/2: so is each request', async () => {
  const { proxy, port, seen } = await arriving(
    (socket, listener, onClosed) =>
      new H2Connection(socket, listener, new H2StreamPool(listener), '', onClosed, arrival),
  );
  const client = http2.connect(`http://127.0.0.1:${port}`);
  const stream = client.request({ ':path': '/', 'x-forwarded-for': '198.51.100.1' });
  await new Promise((resolve) => stream.on('end', resolve).resume());
  await new Promise<void>((resolve) => client.close(resolve));
  expect(seen()).toContain('\r\nx-forwarded-for: 198.51.100.1,203.0.113.7\r\n');
  expect(proxy.log).toMatchObject([logged]);
});

test('without one, who has connected is the client', async () => {
  const { proxy } = await arriving((socket, listener, onClosed) => new H1Connection(socket, listener, '', onClosed));
  await talk(proxy.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', (answer) => answer.endsWith('ok'));
  const [entry] = proxy.log;
  expect(entry).toMatchObject({ requestedServerName: '', proxyTlvs: null, localAddress: `127.0.0.1:${proxy.port}` });
  expect(entry?.directAddress).toBe(entry?.downstreamAddress);
});

test.each([
  ['1', Buffer.from('PROXY TCP4 203.0.113.7 203.0.113.1 4711 443\r\n')],
  ['2', v2('2111', 'cb007107cb00710112670001')],
])('where no header is expected, one of version %s is no request, and nothing behind it is', async (_, header) => {
  const { proxy, seen } = await arriving(
    (socket, listener, onClosed) => new H1Connection(socket, listener, '', onClosed),
  );
  const request = Buffer.from('GET /admin HTTP/1.1\r\nHost: a\r\n\r\n');
  const answer = await talk(proxy.port, Buffer.concat([header, request]), () => false);
  expect(answer).toMatch(/^(?:HTTP\/1\.1 400 |$)/);
  expect(answer).not.toContain('200');
  expect(seen()).toBe('');
});
