import { afterEach, describe, expect, test } from 'vitest';
import { documentedSockets } from '../sockets/udp-dgram.ts';
import { udpSockets } from '../sockets/udp-handle.ts';
import type { UdpSockets } from '../sockets/udp-socket.ts';
import { balanceOf, clusterOf, endpointOf, noBreakers, outliersOf } from '../testing.ts';
import { deadUdpPort, Peer, startAnswerer, startUdpListener, type UdpListenerOptions } from './udp-testing.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

async function closing<T extends { close(): void }>(made: Promise<T>): Promise<T> {
  const one = await made;
  closers.push(() => one.close());
  return one;
}

const answerer = (name: string, address?: string, port?: number): Promise<Peer> =>
  closing(startAnswerer(name, address, port));
const client = (address?: string): Promise<Peer> => closing(new Peer(address?.includes(':') ? 6 : 4).open(address));

async function listener(options: UdpListenerOptions) {
  const started = await startUdpListener(options);
  closers.push(started.stop);
  return started;
}

test('the fast sockets are those of this Node', () => {
  expect(udpSockets).not.toBe(documentedSockets);
});

describe.each<[string, UdpSockets]>([
  ['the handles', udpSockets],
  ['node:dgram', documentedSockets],
])('over %s', (_, sockets) => {
  test('each client has a session of its own, and gets the answers to what it sent, byte for byte', async () => {
    const endpoint = await closing(new Peer(4, (b) => b).open());
    const proxy = await listener({ clusters: [clusterOf([endpoint.port])], sockets });
    const [one, two] = [await client(), await client()];
    const all = Buffer.from(Array.from({ length: 256 }, (_byte, at) => at));
    const large = Buffer.alloc(65_507, 'x');
    for (const data of [all, Buffer.alloc(0), large]) one.send(data, proxy.port);
    two.send('two', proxy.port);
    const got = await one.got.first(3);
    expect(got.map(({ bytes }) => bytes.equals(all) || bytes.length)).toEqual([true, 0, 65_507]);
    expect(got[2]!.bytes.equals(large)).toBe(true);
    expect(got.map(({ from }) => from.port)).toEqual([proxy.port, proxy.port, proxy.port]);
    expect(await two.texts(1)).toEqual(['two']);
    expect(new Set((await endpoint.got.first(4)).map(({ from }) => from.port)).size).toBe(2);
    expect(proxy.server.connectionCount).toBe(2);
    expect(proxy.stat('udp.test.downstream_sess_rx_datagrams')).toBe(4);
    expect(proxy.stat('udp.test.downstream_sess_rx_bytes')).toBe(256 + 65_507 + 3);
    expect(proxy.stat('udp.test.downstream_sess_tx_bytes')).toBe(256 + 65_507 + 3);
    expect(proxy.stat('cluster.c.udp.sess_tx_datagrams')).toBe(4);
    expect(proxy.stat('cluster.c.udp.sess_rx_datagrams')).toBe(4);
  });

  test('an endpoint that is not there: ICMP is counted, told to outlier detection, and the session goes on', async () => {
    const address = '127.0.90.1';
    const port = await deadUdpPort(address);
    const findings: string[] = [];
    const seen = Promise.withResolvers<void>();
    const endpoints = [endpointOf(port, { address, key: `${address}:${port}` })];
    const config = clusterOf([], { endpoints, outlierDetection: outliersOf({ consecutive5xx: 2 }) });
    const proxy = await listener({
      ...{ clusters: [config], sockets },
      onFinding: (key, finding) => {
        findings.push(`${key} ${finding}`);
        seen.resolve();
      },
    });
    const one = await client();
    one.send('nobody', proxy.port);
    // asked again until the second refusal has come
    const again = setInterval(() => one.send('still nobody', proxy.port), 5);
    await seen.promise;
    clearInterval(again);
    expect(findings).toContain(`${address}:${port} consecutive-5xx`);
    expect(proxy.stat('cluster.c.udp.sess_rx_errors')).toBeGreaterThanOrEqual(2);
    const endpoint = await answerer('now', address, port);
    one.send('somebody?', proxy.port);
    await endpoint.got.first(1);
    expect((await one.texts(1))[0]).toMatch(/^now /);
    expect(proxy.stat('udp.test.downstream_sess_total')).toBe(1);
  });

  test('a session that is idle ends, and is logged with what went both ways', async () => {
    const endpoint = await answerer('a');
    const accessLogs = [{ path: '/dev/null', format: { type: 'text', text: '%STREAM_ID%' } }] as const;
    const proxy = await listener({ clusters: [clusterOf([endpoint.port])], sockets, chain: { accessLogs } });
    const one = await client();
    one.send('ping', proxy.port);
    await one.got.first(1);
    proxy.clock.advance(59_000);
    one.send('ping', proxy.port);
    await one.got.first(2);
    proxy.clock.advance(59_000);
    expect(proxy.server.connectionCount).toBe(1);
    proxy.clock.advance(2_000);
    expect(proxy.server.connectionCount).toBe(0);
    expect(proxy.stat('udp.test.idle_timeout')).toBe(1);
    expect(proxy.stat('udp.test.downstream_sess_active')).toBe(0);
    expect(proxy.stat('cluster.c.upstream_cx_active')).toBe(0);
    expect(await proxy.log.nth(0)).toMatchObject({
      ...{ bytesReceived: 8, bytesSent: 12, flags: '-', details: 'udp_session_idle_timeout', streamId: 'an-id' },
      ...{ upstreamHost: `127.0.0.1:${endpoint.port}`, upstreamCluster: 'c', startMs: 1_700_000_000_000 },
      ...{ downstreamAddress: `127.0.0.1:${one.port}`, downstreamIp: '127.0.0.1' },
      localAddress: `127.0.0.1:${proxy.port}`,
    });
    one.send('ping', proxy.port);
    await one.got.first(3);
    expect(proxy.stat('udp.test.downstream_sess_total')).toBe(2);
  });

  test('clients of IPv4 and IPv6 at one socket, to endpoints of both', async () => {
    const [v4, v6] = [await answerer('v4'), await answerer('v6', '::1')];
    const endpoints = [endpointOf(v4.port), endpointOf(v6.port, { key: `[::1]:${v6.port}`, address: '0:0::0:1' })];
    const proxy = await listener({ clusters: [clusterOf([], { endpoints })], sockets, address: '::' });
    const [one, two] = [await client(), await client('::1')];
    one.send('from v4', proxy.port);
    expect(await one.texts(1)).toEqual(['v4 from v4']);
    two.send('from v6', proxy.port, '::1');
    expect(await two.texts(1)).toEqual(['v6 from v6']);
    proxy.stop();
    const clients = (await proxy.log.first(2)).map(({ downstreamAddress }) => downstreamAddress);
    expect(clients).toEqual([`127.0.0.1:${one.port}`, `[::1]:${two.port}`]);
  });

  test('a port that somebody has is refused, with what to do', async () => {
    const taken = await client();
    const proxy = await listener({ clusters: [], sockets });
    await expect(proxy.server.listen('127.0.0.1', taken.port)).rejects.toThrow(
      `127.0.0.1:${taken.port} is in use by another process`,
    );
  });

  test('a bug while one session is served ends that session, and no other', async () => {
    const endpoint = await answerer('a');
    const proxy = await listener({ clusters: [clusterOf([endpoint.port])], sockets });
    const [one, two] = [await client(), await client()];
    one.send('1', proxy.port);
    two.send('2', proxy.port);
    await Promise.all([one.got.first(1), two.got.first(1)]);
    const { load } = proxy.cluster.hosts[0]!;
    Object.defineProperty(proxy.cluster, 'outcomes', {
      get: () => {
        throw new Error('a bug');
      },
    });
    const three = await client();
    three.send('3', proxy.port);
    await proxy.log.first(1);
    expect(proxy.faults).toEqual([new Error('a bug')]);
    one.send('again', proxy.port);
    expect((await one.texts(2))[1]).toBe('a again');
    expect(proxy.server.connectionCount).toBe(2);
    expect(load.inProgress).toBe(2);
  });
});

test('sessions stay with their endpoints when others come, and those of one that goes get another', async () => {
  const [a, b] = [await answerer('a'), await answerer('b')];
  const proxy = await listener({ clusters: [clusterOf([a.port])] });
  const one = await client();
  one.send('1', proxy.port);
  await one.got.first(1);
  proxy.cluster.update(clusterOf([b.port, a.port]));
  one.send('2', proxy.port);
  await one.got.first(2);
  proxy.cluster.update(clusterOf([b.port]));
  expect(await proxy.log.nth(0)).toMatchObject({ details: 'udp_endpoint_removed' });
  expect(proxy.server.connectionCount).toBe(0);
  one.send('3', proxy.port);
  expect(await one.texts(3)).toEqual(['a 1', 'a 2', 'b 3']);
});

test('who is at an endpoint that is not well goes to one that is; to none but that, he stays', async () => {
  const [a, b] = [await answerer('a'), await answerer('b')];
  const proxy = await listener({
    clusters: [clusterOf([a.port, b.port], { balance: balanceOf({ type: 'round-robin' }, { panicPercent: 0 }) })],
  });
  const one = await client();
  const ask = async (text: string): Promise<string> => {
    const { length } = one.got.seen;
    one.send(text, proxy.port);
    return (await one.got.nth(length)).text;
  };
  const [first, other] = (await ask('1')) === 'a 1' ? [a, b] : [b, a];
  proxy.cluster.setEjected(`127.0.0.1:${first.port}`, true);
  expect(await ask('2')).toBe(other === a ? 'a 2' : 'b 2');
  proxy.cluster.setEjected(`127.0.0.1:${other.port}`, true);
  expect(await ask('3')).toBe(other === a ? 'a 3' : 'b 3');
  expect(proxy.stat('udp.test.downstream_sess_total')).toBe(2);
});

test('of an endpoint that drains the sessions stay; once the control plane calls it unhealthy they go', async () => {
  const [a, b] = [await answerer('a'), await answerer('b')];
  const proxy = await listener({ clusters: [clusterOf([a.port])] });
  const one = await client();
  for (const [count, health, expected] of [
    [1, 'healthy', 'a ?'],
    [2, 'draining', 'a ?'],
    [3, 'unhealthy', 'b ?'],
  ] as const) {
    proxy.cluster.update(
      clusterOf([], { endpoints: [endpointOf(a.port, { health }), ...(count > 1 ? [endpointOf(b.port)] : [])] }),
    );
    one.send('?', proxy.port);
    expect((await one.texts(count)).at(-1)).toBe(expected);
  }
});

test('per packet, each datagram chooses its endpoint', async () => {
  const [a, b] = [await answerer('a'), await answerer('b')];
  const proxy = await listener({ clusters: [clusterOf([a.port, b.port])], chain: { perPacket: true } });
  const one = await client();
  for (let sent = 0; sent < 10; sent++) {
    one.send('?', proxy.port);
    await one.got.first(sent + 1);
  }
  expect((await one.texts(10)).filter((text) => text === 'a ?').length).toBe(5);
  expect(proxy.server.connectionCount).toBe(2);
});

test('the cluster is that of the first route whose sources hold the client', async () => {
  const [a, b] = [await answerer('a'), await answerer('b')];
  const clusters = [clusterOf([a.port], { name: 'a' }), clusterOf([b.port], { name: 'b' })];
  const routes = [
    { sources: ['10.0.0.0/8', '127.0.0.8/29'], cluster: 'a' },
    { sources: ['127.0.0.0/24'], cluster: 'b' },
  ];
  const proxy = await listener({ clusters, chain: { routes } });
  const [one, two, three] = [await client('127.0.0.9'), await client('127.0.0.1'), await client('127.0.1.1')];
  for (const [index, from] of [one, two, three].entries()) from!.send(String(index), proxy.port);
  expect([...(await one.texts(1)), ...(await two.texts(1))]).toEqual(['a 0', 'b 1']);
  two.send('x', proxy.port);
  await two.got.first(2);
  await expect.poll(() => proxy.stat('udp.test.downstream_sess_no_route'), { interval: 2 }).toBe(1);
});

test('a session more than the listener, the node or the cluster may have is not begun; room that is left is used again', async () => {
  const endpoint = await answerer('a');
  const breakers = { ...noBreakers, connections: 2 };
  for (const [limit, stat] of [
    [{ maxConnections: 2 }, 'listener.udp.downstream_cx_overflow'],
    [{ connections: 2 }, 'listener.udp.downstream_global_cx_overflow'],
    [{ breakers }, 'cluster.c.upstream_cx_overflow'],
  ] as const) {
    const config = clusterOf([endpoint.port], 'breakers' in limit ? limit : {});
    const proxy = await listener({ clusters: [config], ...limit });
    const clients = [await client(), await client(), await client()] as const;
    clients[0].send('0', proxy.port);
    clients[1].send('1', proxy.port);
    await Promise.all([clients[0].got.first(1), clients[1].got.first(1)]);
    clients[2].send('2', proxy.port);
    clients[0].send('3', proxy.port);
    await clients[0].got.first(2);
    await expect.poll(() => [stat, proxy.stat(stat)], { interval: 2 }).toEqual([stat, 1]);
    expect(proxy.server.connectionCount).toBe(2);
    proxy.clock.advance(61_000);
    clients[2].send('4', proxy.port);
    expect(await clients[2].texts(1)).toEqual(['a 4']);
    proxy.stop();
  }
});

test('while it drains nobody new is let in, and it is over when the last session is', async () => {
  const endpoint = await answerer('a');
  // no other test goes to this address, so that the port stays free
  const address = '127.0.90.2';
  const proxy = await listener({ clusters: [clusterOf([endpoint.port])], address });
  const [one, two] = [await client(), await client()];
  one.send('1', proxy.port, address);
  await one.got.first(1);
  let isOver = false;
  const over = proxy.server.drain().then(() => {
    isOver = true;
  });
  two.send('2', proxy.port, address);
  one.send('3', proxy.port, address);
  expect(await one.texts(2)).toEqual(['a 1', 'a 3']);
  await expect.poll(() => proxy.stat('udp.test.downstream_sess_drain_reject'), { interval: 2 }).toBe(1);
  expect(isOver).toBe(false);
  proxy.clock.advance(61_000);
  await over;
  // the port is free
  const next = await closing(new Peer().open(address, proxy.port));
  expect(next.port).toBe(proxy.port);
});
