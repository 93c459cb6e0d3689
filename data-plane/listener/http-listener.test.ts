/** PROXY headers in front of HTTP, in the clear and inside TLS. */
import http2 from 'node:http2';
import net from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { makeCertificate } from '../../e2e/support/certificates.ts';
import { v2 } from '../codec/proxy-protocol-testing.ts';
import { endOf } from '../l4/testing.ts';
import type { TlsConfig } from '../model/config.ts';
import { type ProxyOptions, startProxy, startRawUpstream } from '../proxy-testing.ts';
import { clusterOf } from '../testing.ts';
import { type Delivery, send, until } from './testing.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

const { certificate: chain, key } = makeCertificate({ hosts: ['shop.example.com'] });
const tlsConfig: TlsConfig = {
  certificates: [{ name: 'a', chain, key, hosts: ['shop.example.com'] }],
  ...{
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    alpn: ['h2', 'http/1.1'],
    handshakeTimeoutMs: 10_000,
    client: null,
  },
} as const;

const header = Buffer.from('PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n');
const second = v2('2111', `cb007107c6336401126701bb050004${Buffer.from('id-1').toString('hex')}`);
const request = 'GET / HTTP/1.1\r\nhost: shop.example.com\r\nconnection: close\r\n\r\n';

describe.each([false, true])('with documented interfaces only: %s', (documentedOnly) => {
  async function start(options: Partial<ProxyOptions> = {}) {
    const seen: string[] = [];
    const upstream = await startRawUpstream((socket, all) => {
      const text = all.toString('latin1');
      if (!text.endsWith('\r\n\r\n')) return;
      seen.push(text);
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok');
    });
    const proxyProtocol = { tlvs: [{ type: 5, name: 'unique_id' }] };
    const proxy = await startProxy({ cluster: clusterOf([upstream.port]), documentedOnly, proxyProtocol, ...options });
    running.push(upstream, proxy);
    return { ...proxy, seen };
  }

  /** Sends a header in front of whatever is written first, in one segment with it, or all of it byte by byte. */
  function behind(first: Buffer, port: number, delivery: Delivery): Duplex {
    let before = first;
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    const stream = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _, done) => {
        const bytes = Buffer.concat([before, chunk]);
        before = Buffer.alloc(0);
        void send(socket, bytes, delivery).then(() => done());
      },
      final: (done) => {
        socket.end();
        done();
      },
    });
    socket.on('data', (chunk) => stream.push(chunk));
    socket.on('end', () => stream.push(null));
    socket.on('error', () => stream.push(null));
    return stream;
  }

  const textOf = async (stream: Duplex): Promise<string> => {
    let text = '';
    for await (const chunk of stream) text += (chunk as Buffer).toString('latin1');
    return text;
  };

  const secured = (stream: Duplex, protocol: string): tls.TLSSocket =>
    tls.connect({
      ...{ socket: stream, servername: 'shop.example.com', rejectUnauthorized: false, ALPNProtocols: [protocol] },
    });

  const ways = (['at once', 'byte by byte'] as const).flatMap((delivery) =>
    [false, true].map((secure) => [delivery, secure] as const),
  );

  test.each(ways)('HTTP/1.1, %s, inside TLS: %s: the client is who the header says', async (delivery, secure) => {
    const { port, log, seen, server } = await start(secure ? { tls: tlsConfig } : {});
    const stream = behind(second, port, delivery);
    const client = secure ? secured(stream, 'http/1.1') : stream;
    client.write(request);
    expect(await textOf(client)).toMatch(/^HTTP\/1.1 200 OK\r\n.*ok$/s);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toContain('\r\nx-forwarded-for: 203.0.113.7\r\n');
    expect(log).toMatchObject([
      {
        ...{ downstreamAddress: '203.0.113.7:4711', downstreamIp: '203.0.113.7', localAddress: '198.51.100.1:443' },
        ...{ requestedServerName: secure ? 'shop.example.com' : '', proxyTlvs: new Map([['unique_id', 'id-1']]) },
      },
    ]);
    expect(log[0]!.directAddress).toMatch(/^127\.0\.0\.1:/);
    expect(server.listenerStats.proxyProtoV2Found.value).toBe(1);
  });

  test.each(ways)('HTTP/2, %s, inside TLS: %s: so is each request’s', async (delivery, secure) => {
    const { port, log, seen } = await start(secure ? { tls: tlsConfig } : {});
    const stream = behind(header, port, delivery);
    const client = http2.connect('http://shop.example.com', {
      createConnection: () => (secure ? secured(stream, 'h2') : stream),
    });
    const asked = client.request({ ':path': '/', ':authority': 'shop.example.com' });
    await new Promise((resolve) => asked.on('end', resolve).resume());
    await new Promise<void>((resolve) => client.close(resolve));
    expect(seen[0]).toContain('\r\nx-forwarded-for: 203.0.113.7\r\n');
    expect(log).toMatchObject([{ protocol: 'HTTP/2', downstreamAddress: '203.0.113.7:4711', proxyTlvs: null }]);
  });

  test.each([false, true])('what is no header is closed where one is required, inside TLS: %s', async (secure) => {
    const { port, server, gate, seen } = await start(secure ? { tls: tlsConfig } : {});
    const stats = server.listenerStats;
    const stream = behind(Buffer.alloc(0), port, 'at once');
    const client = secure ? secured(stream, 'http/1.1') : stream;
    client.on('error', () => {});
    client.write(request);
    await until(() => stats.proxyProtoNotFoundDisallowed.value === 1 && gate.open === 0);
    expect([stats.preCxActive.value, server.handshakeCount, server.stats.cxTotal.value, seen.length]).toEqual([
      0, 0, 0, 0,
    ]);
  });

  test.each([false, true])('silence is closed in time, inside TLS: %s', async (secure) => {
    const { port, server, clock, gate } = await start(secure ? { tls: tlsConfig } : {});
    const { preCxActive, preCxTimeout } = server.listenerStats;
    const silent = net.connect(port, '127.0.0.1');
    await until(() => preCxActive.value === 1);
    clock.advance(2_990);
    expect(preCxTimeout.value).toBe(0);
    clock.advance(30);
    await endOf(silent);
    await until(() => gate.open === 0);
    expect([preCxTimeout.value, preCxActive.value]).toEqual([1, 0]);
  });

  test.each([false, true])('the time for the handshake begins behind the header, inside TLS', async (isHello) => {
    const { port, server, clock } = await start({ tls: tlsConfig });
    const client = net.connect(port, '127.0.0.1');
    client.write(isHello ? Buffer.concat([header, Buffer.from([22, 3, 1])]) : header);
    await until(() => server.handshakeCount === 1);
    clock.advance(10_020);
    await endOf(client);
    expect(server.listenerStats.cxTransportSocketConnectTimeout.value).toBe(1);
  });

  test.each([false, true])(
    'who is not trusted may come plain, and not with a header, inside TLS: %s',
    async (secure) => {
      const proxyProtocol = { trust: ['10.0.0.0/8'], untrusted: 'plain' } as const;
      const { port, log, seen } = await start({ ...(secure && { tls: tlsConfig }), proxyProtocol });
      for (const [before, answers] of [
        ['', 1],
        [header, 0],
        [second, 0],
      ] as const) {
        const stream = behind(Buffer.from(before), port, 'at once');
        const client = secure ? secured(stream, 'http/1.1') : stream;
        client.on('error', () => {});
        client.write(request);
        const answer = await textOf(client).catch(() => '');
        expect(answer.includes('200 OK'), answer).toBe(answers === 1);
      }
      expect(seen).toHaveLength(1);
      expect(log[0]!.downstreamIp).toBe('127.0.0.1');
    },
  );

  test('a listener that ends cuts who has not begun, and a change holds for those who come', async () => {
    const { port, server, gate } = await start();
    const silent = net.connect(port, '127.0.0.1');
    await until(() => server.listenerStats.preCxActive.value === 1);
    server.updateProxyProtocol(null);
    const plain = behind(Buffer.alloc(0), port, 'at once');
    plain.write(request);
    expect(await textOf(plain)).toContain('200 OK');
    const ended = endOf(silent);
    await server.drain();
    await ended;
    await until(() => gate.open === 0);
  });
});
