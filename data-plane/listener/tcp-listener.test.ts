import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { v2 } from '../codec/proxy-protocol-testing.ts';
import { hello, names, protocols } from '../codec/testing-hello.ts';
import { endOf, readAll } from '../l4/testing.ts';
import {
  type Delivery,
  send,
  startNamedEndpoint,
  startTcpListener,
  type TcpListenerOptions,
  until,
} from './testing.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

const v1 = 'PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n';
const second = v2('2111', 'cb007107c63364011267' + '01bb' + '050004' + Buffer.from('id-1').toString('hex'));

describe.each([false, true])('with documented interfaces only: %s', (documentedOnly) => {
  async function start(options: Partial<TcpListenerOptions> & { names?: readonly string[] }) {
    const endpoints = await Promise.all((options.names ?? ['a']).map((name) => startNamedEndpoint(name)));
    const named = Object.fromEntries(endpoints.map(({ port }, at) => [(options.names ?? ['a'])[at]!, port]));
    const listener = await startTcpListener({ otherwise: 'a', endpoints: named, documentedOnly, ...options });
    running.push(...endpoints, listener);
    return { ...listener, endpoints };
  }

  const deliveries: readonly Delivery[] = ['at once', 'byte by byte'];

  test.each(deliveries.flatMap((delivery) => [v1, second].map((header) => [delivery, header] as const)))(
    'the stream begins behind the header, %s',
    async (delivery, header) => {
      const { connect, log, stats, endpoints } = await start({
        proxyProtocol: { tlvs: [{ type: 5, name: 'unique_id' }] },
      });
      const client = connect();
      const all = readAll(client);
      const bytes = Buffer.concat([Buffer.from(header as string, 'latin1'), Buffer.from('PROXY hello')]);
      await send(
        client,
        typeof header === 'string' ? bytes : Buffer.concat([header, Buffer.from('PROXY hello')]),
        delivery,
      );
      client.end();
      expect((await all).toString()).toBe('a:PROXY hello');
      expect(endpoints[0]!.got).toEqual(['PROXY hello']);
      const entry = await log.nth(0);
      expect(entry).toMatchObject({
        downstreamIp: '203.0.113.7',
        downstreamAddress: '203.0.113.7:4711',
        localAddress: '198.51.100.1:443',
        bytesReceived: 11,
        proxyTlvs: typeof header === 'string' ? null : new Map([['unique_id', 'id-1']]),
      });
      expect(entry.directAddress).toMatch(/^127\.0\.0\.1:/);
      expect([stats.proxyProtoV1Found.value, stats.proxyProtoV2Found.value]).toEqual(
        typeof header === 'string' ? [1, 0] : [0, 1],
      );
    },
  );

  test('a megabyte behind the header comes whole', async () => {
    const { connect } = await start({ proxyProtocol: {} });
    const client = connect();
    const all = readAll(client);
    const body = Buffer.alloc(1024 * 1024, 'x1y2z3');
    client.end(Buffer.concat([second, body]));
    expect((await all).equals(Buffer.concat([Buffer.from('a:'), body]))).toBe(true);
  });

  test('who only listens is served once the header is here', async () => {
    const { connect } = await start({ proxyProtocol: {} });
    const client = connect();
    client.write('PROXY UNKNOWN\r\n');
    const [greeting] = (await once(client, 'data')) as [Buffer];
    expect(greeting.toString()).toBe('a:');
    client.destroy();
  });

  type Counter = 'preCxTimeout' | 'listenerFilterRemoteClose' | 'proxyProtoNotFoundDisallowed' | 'proxyProtoError';
  test.each<[string, string, Counter]>([
    ['no header', 'GET / HTTP/1.1\r\n', 'proxyProtoNotFoundDisallowed'],
    ['a bad header', 'PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n', 'proxyProtoError'],
    ['nothing', '', 'preCxTimeout'],
    ['half a header', v1.slice(0, 20), 'preCxTimeout'],
    ['half a header and its end', `${v1.slice(0, 20)}|end`, 'listenerFilterRemoteClose'],
    ['its end alone', '|end', 'listenerFilterRemoteClose'],
  ])('where a header is required, who sends %s is closed', async (_, sent, counter) => {
    const { connect, stats, clock, endpoints, gate } = await start({ proxyProtocol: {} });
    const client = connect();
    const end = endOf(client);
    const [bytes = '', fin] = sent.split('|');
    client.write(bytes);
    if (fin !== undefined) client.end();
    if (counter === 'preCxTimeout') {
      await until(() => stats.preCxActive.value === 1);
      clock.advance(2_990);
      expect(client.destroyed).toBe(false);
      clock.advance(30);
    }
    await end;
    await until(() => gate.open === 0);
    expect(stats[counter].value).toBe(1);
    expect([stats.preCxActive.value, stats.cxActive.value, stats.cxTotal.value]).toEqual([0, 0, 0]);
    expect(endpoints[0]!.got).toEqual([]);
  });

  test('a reset before anything is decided leaves nothing behind', async () => {
    const { connect, stats, gate } = await start({ proxyProtocol: {} });
    const client = connect();
    client.write('PROXY');
    await until(() => stats.preCxActive.value === 1);
    client.resetAndDestroy();
    await until(() => gate.open === 0);
    expect([stats.preCxActive.value, stats.listenerFilterError.value]).toEqual([0, 1]);
  });

  test.each(deliveries)('where a header is optional, what is none is the stream, %s', async (delivery) => {
    const { connect, stats, log } = await start({ proxyProtocol: { required: false } });
    const client = connect();
    const all = readAll(client);
    await send(client, 'PROXIMITY', delivery);
    client.end();
    expect((await all).toString()).toBe('a:PROXIMITY');
    expect(stats.proxyProtoNotFoundAllowed.value).toBe(1);
    expect((await log.nth(0)).downstreamIp).toBe('127.0.0.1');
  });

  test('who is not trusted is closed, unless others may come plain', async () => {
    const { connect, stats, server, setupOf, endpoints } = await start({ proxyProtocol: { trust: ['127.0.1.0/24'] } });
    expect(await endOf(connect())).toBeUndefined();
    expect(stats.noFilterChainMatch.value).toBe(1);
    server.update(setupOf({ otherwise: 'a', proxyProtocol: { trust: ['127.0.1.0/24'], untrusted: 'plain' } }));
    // nothing is waited for
    const quiet = connect();
    await once(quiet, 'data');
    quiet.destroy();
    const client = connect();
    const all = readAll(client);
    client.end('PROXY');
    expect((await all).toString()).toBe('a:PROXY');
    const trusted = connect('127.0.1.1');
    const answer = readAll(trusted);
    trusted.end(`${v1}x`);
    expect((await answer).toString()).toBe('a:x');
    expect(endpoints[0]!.got).toEqual(['', 'PROXY', 'x']);
  });

  test.each(deliveries.flatMap((delivery) => [v1, second].map((header) => [delivery, header] as const)))(
    'a header of somebody who is not trusted reaches nobody, %s',
    async (delivery, header) => {
      const untrusted = { trust: ['10.0.0.0/8'], untrusted: 'plain' } as const;
      const { connect, stats, endpoints } = await start({ proxyProtocol: untrusted });
      const client = connect();
      const end = endOf(client);
      await send(client, Buffer.concat([Buffer.from(header as string, 'latin1'), Buffer.from('rest')]), delivery);
      expect(await end).toBe('ECONNRESET');
      expect(stats.proxyProtoError.value).toBe(1);
      const signature = Buffer.from(header as string, 'latin1')
        .toString('latin1')
        .slice(0, header === v1 ? 5 : 11);
      for (const got of endpoints[0]!.got) expect(signature.startsWith(got), JSON.stringify(got)).toBe(true);
    },
  );

  const passthrough = {
    names: ['exact', 'suffix', 'h2', 'tls', 'raw', 'near', 'a'],
    inspectTls: true,
    chains: {
      exact: { serverNames: ['db.example.com'] },
      suffix: { serverNames: ['*.example.com'] },
      h2: { transport: 'tls', alpn: ['h2'] },
      tls: { transport: 'tls' },
      near: { serverNames: ['near'], sources: ['203.0.113.0/24'] },
      raw: { transport: 'raw_buffer' },
    },
  } as const;

  test.each<[string, Buffer, string]>([
    ['a name', hello(names('DB.example.com'), protocols('h2')), 'exact'],
    ['a suffix', hello(names('x.y.example.com')), 'suffix'],
    ['a protocol', hello(protocols('http/1.1', 'h2')), 'h2'],
    ['no name', hello(), 'tls'],
    ['a name that nobody has', hello(names('example.org')), 'tls'],
    ['a name that is for others', hello(names('near')), 'a'],
    ['no TLS', Buffer.from('SSH-2.0-x\r\n'), 'raw'],
  ])('%s finds its chain, and its bytes go on as they came', async (_, bytes, chain) => {
    const { connect, log, stats } = await start(passthrough);
    for (const delivery of deliveries) {
      const client = connect();
      const all = readAll(client);
      await send(client, Buffer.concat([bytes, Buffer.from('more')]), delivery);
      client.end();
      expect((await all).toString('latin1')).toBe(`${chain}:${bytes.toString('latin1')}more`);
    }
    const name = chain === 'exact' ? 'db.example.com' : chain === 'suffix' ? 'x.y.example.com' : undefined;
    if (name !== undefined) expect((await log.nth(1)).requestedServerName).toBe(name);
    expect(stats.tlsFound.value + stats.tlsNotFound.value).toBe(2);
  });

  test.each(deliveries)('a header in front of a hello, %s: the client is who the header says', async (delivery) => {
    const { connect, log } = await start({ ...passthrough, proxyProtocol: {} });
    const client = connect();
    const all = readAll(client);
    const bytes = hello(names('near'));
    await send(client, Buffer.concat([second, bytes]), delivery);
    client.end();
    expect((await all).toString('latin1')).toBe(`near:${bytes.toString('latin1')}`);
    expect(await log.nth(0)).toMatchObject({ downstreamIp: '203.0.113.7', requestedServerName: 'near' });
  });

  test('a header of somebody who is not trusted does not go on in front of a hello either', async () => {
    const proxyProtocol = { trust: ['10.0.0.0/8'], untrusted: 'plain' } as const;
    const { connect, stats, endpoints } = await start({ ...passthrough, proxyProtocol });
    const client = connect();
    const end = endOf(client);
    client.write(Buffer.concat([second, hello(names('db.example.com'))]));
    expect(await end).toBe('ECONNRESET');
    expect(stats.proxyProtoError.value).toBe(1);
    expect(endpoints.flatMap(({ got }) => got).join('')).toBe('');
  });

  test('half a hello and silence is closed in time, a bad one at once, one that is too large before it is here', async () => {
    const { connect, stats, clock, gate } = await start({ ...passthrough, proxyProtocol: { required: false } });
    const half = connect();
    half.write(Buffer.concat([second, hello(names('db.example.com')).subarray(0, 40)]));
    await until(() => stats.proxyProtoV2Found.value === 1);
    clock.advance(14_990);
    expect([stats.preCxActive.value, half.destroyed]).toEqual([1, false]);
    clock.advance(30);
    await endOf(half);
    expect(stats.preCxTimeout.value).toBe(1);
    const bad = connect();
    bad.write(hello(names('a', 'b')));
    await endOf(bad);
    expect(stats.clientHelloRefused.value).toBe(1);
    const large = connect();
    large.write(Buffer.from([22, 3, 1, 0x40, 0]));
    await endOf(large);
    expect(stats.clientHelloTooLarge.value).toBe(1);
    await until(() => gate.open === 0);
  });

  test('whom no chain matches is closed and counted', async () => {
    const { port, stats, gate } = await startTcpListener({
      ...{ endpoints: {}, inspectTls: true, chains: { x: { serverNames: ['x'] } }, documentedOnly },
    }).then((listener) => {
      running.push(listener);
      return listener;
    });
    const client = net.connect({ port, host: '127.0.0.1' });
    client.on('error', () => undefined);
    client.write(hello(names('y')));
    await endOf(client);
    expect([stats.noFilterChainMatch.value, stats.cxTotal.value]).toEqual([1, 0]);
    await until(() => gate.open === 0);
  });

  test('silent connections fill a listener, too, and give their places back', async () => {
    const { connect, stats, clock } = await start({ proxyProtocol: {}, maxConnections: 2 });
    const silent = [connect(), connect()];
    await until(() => stats.preCxActive.value === 2);
    await endOf(connect());
    expect(stats.cxOverflow.value).toBe(1);
    clock.advance(3_010);
    await Promise.all(silent.map(endOf));
    const client = connect();
    const all = readAll(client);
    client.end(`${v1}x`);
    expect((await all).toString()).toBe('a:x');
  });

  test('the limit for an address is for the client, not for the proxy in front', async () => {
    const { connect, stats, gate } = await start({ proxyProtocol: {}, connectionsPerAddress: 2 });
    const go = (address: string): net.Socket => {
      const client = connect();
      client.write(v1.replace('203.0.113.7', address));
      return client;
    };
    const inside = [go('203.0.113.7'), go('203.0.113.7'), go('203.0.113.8')];
    await until(() => stats.cxActive.value === 3);
    await endOf(go('203.0.113.7'));
    expect(stats.cxAddressOverflow.value).toBe(1);
    // its own connections are checks
    const checks = [1, 2, 3].map(() => connect().end('PROXY UNKNOWN\r\n'));
    await Promise.all(checks.map(endOf));
    for (const client of inside) client.destroy();
    await until(() => gate.open === 0);
    expect(go('203.0.113.7').destroyed).toBe(false);
    await until(() => stats.cxActive.value === 1);
  });

  test('after a change open connections go on as they began, and what they began with is let go behind the last', async () => {
    const { connect, server, setup, setupOf, closed, log, stats } = await start({ names: ['a', 'b'] });
    const old = connect();
    await once(old, 'data');
    const next = setupOf({ otherwise: 'b', proxyProtocol: {} });
    server.update(next);
    expect(closed).toEqual([]);
    const fresh = connect();
    const all = readAll(fresh);
    fresh.end(`${v1}x`);
    expect((await all).toString()).toBe('b:x');
    const rest = readAll(old);
    old.end('y');
    expect((await rest).toString()).toBe('y');
    await until(() => stats.cxActive.value === 0);
    expect(closed).toEqual([setup]);
    expect((await log.first(2)).map((entry) => entry.upstreamCluster)).toEqual(['b', 'a']);
    server.update(setupOf({ otherwise: 'a' }));
    expect(closed).toEqual([setup, next]);
  });
});
