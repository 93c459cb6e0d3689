import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { balanceOf, clusterOf, noBreakers, outliersOf } from '../testing.ts';
import { handleTcp, type TcpSession } from './tcp-proxy.ts';
import { deadPort, endOf, readAll, startEndpoint, startTcpProxy, type TcpProxyOptions } from './testing.ts';

const megabyte = 1024 * 1024;

/** By which sockets the next proxy works. */
let documentedOnly = false;

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function endpoints(count: number) {
  const started = await Promise.all(Array.from({ length: count }, startEndpoint));
  stops.push(...started.map((one) => one.stop));
  return started;
}

async function proxyTo(ports: readonly number[], rest: Partial<TcpProxyOptions> = {}) {
  const proxy = await startTcpProxy({ clusters: [clusterOf(ports, { protocol: 'tcp' })], documentedOnly, ...rest });
  stops.push(proxy.stop);
  return proxy;
}

/** A proxy, a client and the endpoint's side of the connection. */
async function connected(rest: Partial<TcpProxyOptions> = {}) {
  const [endpoint] = await endpoints(1);
  const proxy = await proxyTo([endpoint!.port], rest);
  const client = proxy.connect();
  const server = await endpoint!.sockets.nth(0);
  // The endpoint may know of the connection before the proxy does.
  while (proxy.cluster.stats.rqTotal.value === 0) await turn();
  return { proxy, client, server };
}

describe.each([
  ['lean sockets', false],
  ['documented interfaces', true],
])('by %s', (_, only) => {
  beforeEach(() => {
    documentedOnly = only;
  });

  test('bytes go both ways, and the session is logged when both sides are closed', async () => {
    const { proxy, client, server } = await connected();
    client.write('ping');
    // sockets that are closed have none any more
    const downstreamAddress = `127.0.0.1:${client.localPort}`;
    const upstreamHost = `127.0.0.1:${server.localPort}`;
    const [ping] = (await once(server.resume(), 'data')) as [Buffer];
    expect(ping.toString()).toBe('ping');
    const answer = readAll(client);
    server.end('pong!');
    expect((await answer).toString()).toBe('pong!');
    proxy.clock.nowMs += 250;
    client.end();
    expect(await proxy.log.nth(0)).toMatchObject({
      startMs: 1_700_000_000_000,
      durationMs: 250,
      bytesReceived: 4,
      bytesSent: 5,
      flags: '-',
      status: 0,
      protocol: '',
      upstreamCluster: 'c',
      upstreamHost,
      downstreamIp: '127.0.0.1',
      downstreamAddress,
      directAddress: downstreamAddress,
      localAddress: `127.0.0.1:${proxy.port}`,
      requestedServerName: '',
      proxyTlvs: null,
    });
    expect([...proxy.cluster.localities]).toEqual([{ zone: '', issued: 1, successful: 1, errors: 0, inProgress: 0 }]);
  });

  test('a client that ends first still gets its answer', async () => {
    const { client, server } = await connected();
    client.end('question');
    expect((await readAll(server)).toString()).toBe('question');
    const answer = readAll(client);
    server.write('the ');
    server.end('answer');
    expect((await answer).toString()).toBe('the answer');
  });

  test('an endpoint that ends first still gets what the client has to say', async () => {
    const { proxy, client, server } = await connected();
    server.end('hello');
    expect((await readAll(client)).toString()).toBe('hello');
    const rest = readAll(server);
    client.write('and ');
    client.end('goodbye');
    expect((await rest).toString()).toBe('and goodbye');
    await proxy.log.nth(0);
    expect(proxy.cluster.stats.cxDestroyRemote.value).toBe(1);
  });

  test('what a client sends and ends before the endpoint is connected arrives whole', async () => {
    const [endpoint] = await endpoints(1);
    const dead = deadPort();
    const proxy = await proxyTo([dead, endpoint!.port]);
    const client = proxy.connect();
    client.end('early');
    const server = await endpoint!.sockets.nth(0);
    expect((await readAll(server)).toString()).toBe('early');
  });

  test('a reset by the client resets the endpoint', async () => {
    const { proxy, client, server } = await connected();
    const end = endOf(server);
    client.write('x');
    await once(server.resume(), 'data');
    client.resetAndDestroy();
    expect(await end).toBe('ECONNRESET');
    expect((await proxy.log.nth(0)).flags).toBe('DC');
  });

  test('a reset by the endpoint resets the client', async () => {
    const { proxy, client, server } = await connected();
    const end = endOf(client);
    server.resetAndDestroy();
    expect(await end).toBe('ECONNRESET');
    expect((await proxy.log.nth(0)).flags).toBe('UC');
    expect(proxy.cluster.stats.cxDestroyRemote.value).toBe(1);
  });

  test('an endpoint that refuses is stepped over', async () => {
    const [endpoint] = await endpoints(1);
    const proxy = await proxyTo([deadPort(), deadPort(), endpoint!.port]);
    const client = proxy.connect();
    const server = await endpoint!.sockets.nth(0);
    server.end('here');
    expect((await readAll(client)).toString()).toBe('here');
    const { stats } = proxy.cluster;
    expect([stats.cxConnectFail.value, stats.cxTotal.value, stats.cxActive.value, stats.rqTotal.value]).toEqual([
      2, 3, 1, 1,
    ]);
  });

  test('the second of two endpoints is found even if the balancer prefers the one that just failed', async () => {
    const [endpoint] = await endpoints(1);
    const ports = [deadPort(), endpoint!.port];
    const config = clusterOf(ports, {
      balance: balanceOf({ type: 'least-request', choices: 2, fullScan: false, activeRequestBias: null }),
    });
    const proxy = await startTcpProxy({ documentedOnly, clusters: [config] });
    stops.push(proxy.stop);
    for (let connection = 0; connection < 10; connection++) {
      proxy.connect();
      await endpoint!.sockets.nth(connection);
    }
    expect(proxy.cluster.stats.cxConnectFail.value).toBe(10);
  });

  test('three endpoints are tried at most, then the client is reset', async () => {
    const ports = [1, 2, 3, 4].map(deadPort);
    const proxy = await proxyTo(ports);
    expect(await endOf(proxy.connect())).toBe('ECONNRESET');
    const entry = await proxy.log.nth(0);
    expect(entry).toMatchObject({ flags: 'UF,URX', upstreamHost: `127.0.0.1:${ports[2]}`, bytesReceived: 0 });
    expect(proxy.cluster.stats.cxConnectFail.value).toBe(3);
    expect(proxy.cluster.hosts.map((host) => host.active)).toEqual([0, 0, 0, 0]);
  });

  test('an endpoint that does not answer in time is given up for another', async () => {
    const [slow, quick] = await endpoints(2);
    const proxy = await proxyTo([slow!.port, quick!.port]);
    const client = proxy.connect();
    await proxy.accepted.nth(0);
    proxy.clock.advance(proxy.cluster.config.connectTimeoutMs + 10);
    const server = await quick!.sockets.nth(0);
    server.end('quick');
    expect((await readAll(client)).toString()).toBe('quick');
    const { stats } = proxy.cluster;
    expect([stats.cxConnectTimeout.value, stats.cxConnectFail.value]).toEqual([1, 1]);
  });

  test('outlier detection hears of each connect: refused, too late, or made', async () => {
    const [slow, quick] = await endpoints(2);
    for (const [first, status] of [
      [deadPort(), 'refused'],
      [slow!.port, 'too late'],
    ] as const) {
      const config = clusterOf([first, quick!.port], { outlierDetection: outliersOf() });
      const proxy = await startTcpProxy({ documentedOnly, clusters: [config] });
      stops.push(proxy.stop);
      proxy.connect();
      await proxy.accepted.nth(0);
      if (status === 'too late') proxy.clock.advance(config.connectTimeoutMs + 10);
      const counted = (): string[] =>
        proxy.cluster.hosts.map(({ counts }) => `${counts.successful('external')}/${counts.total('external')}`);
      await expect.poll(counted).toEqual(['0/1', '1/1']);
    }
  });

  test('one connection more than the cluster bears is closed, and room is made by one that ends', async () => {
    const [endpoint] = await endpoints(1);
    const config = clusterOf([endpoint!.port], { breakers: { ...noBreakers, connections: 1 } });
    const proxy = await startTcpProxy({ documentedOnly, clusters: [config] });
    stops.push(proxy.stop);
    const first = proxy.connect();
    const server = await endpoint!.sockets.nth(0);
    expect(await endOf(proxy.connect())).toBe('ECONNRESET');
    expect(await proxy.log.nth(0)).toMatchObject({ flags: 'UO', upstreamHost: `127.0.0.1:${endpoint!.port}` });
    expect(proxy.cluster.stats.cxOverflow.value).toBe(1);
    first.end();
    server.end();
    await proxy.log.nth(1);
    proxy.connect();
    await endpoint!.sockets.nth(1);
  });

  test('a client that leaves while the endpoint is being connected leaves nothing behind', async () => {
    const [endpoint] = await endpoints(1);
    const proxy = await proxyTo([endpoint!.port]);
    proxy.connect();
    const session = await proxy.accepted.nth(0);
    session.destroy();
    await proxy.log.nth(0);
    expect(proxy.cluster.stats.cxActive.value).toBe(0);
    expect(proxy.cluster.hosts[0]!.active).toBe(0);
    expect(proxy.sessions.size).toBe(0);
  });

  test('without a cluster or without endpoints the client is reset', async () => {
    const noCluster = await startTcpProxy({ documentedOnly, clusters: [] });
    const noHost = await proxyTo([]);
    stops.push(noCluster.stop);
    expect(await endOf(noCluster.connect())).toBe('ECONNRESET');
    expect((await noCluster.log.nth(0)).flags).toBe('NC');
    expect(noCluster.stats.cxNoRoute.value).toBe(1);
    expect(await endOf(noHost.connect())).toBe('ECONNRESET');
    expect((await noHost.log.nth(0)).flags).toBe('UH');
    expect(noHost.cluster.stats.cxNoneHealthy.value).toBe(1);
  });

  test('a session on which nothing moves either way ends after the idle timeout, not before', async () => {
    const { proxy, client, server } = await connected({ chain: { idleTimeoutMs: 60_000 } });
    const ends = [once(server.resume(), 'end'), once(client.resume(), 'end')];
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      proxy.clock.advance(59_000);
      from.write('x');
      await once(to, 'data');
    }
    proxy.clock.advance(59_000);
    await turn();
    expect(proxy.stats.idleTimeout.value).toBe(0);
    proxy.clock.advance(1_100);
    await Promise.all(ends);
    expect(await proxy.log.nth(0)).toMatchObject({ details: 'tcp_session_idle_timeout', durationMs: 178_100 });
    expect(proxy.stats.idleTimeout.value).toBe(1);
  });

  test('weights share connections between clusters', async () => {
    const [a, b] = await endpoints(2);
    let drawn = 0;
    const proxy = await startTcpProxy({
      clusters: [clusterOf([a!.port], { name: 'a' }), clusterOf([b!.port], { name: 'b' })],
      chain: {
        to: [
          { cluster: 'a', weight: 3 },
          { cluster: 'none', weight: 0 },
          { cluster: 'b', weight: 1 },
        ],
      },
      random: () => (drawn++ % 8) / 8,
    });
    stops.push(proxy.stop);
    drawn = 0;
    for (let connection = 0; connection < 8; connection++) {
      proxy.connect();
      await proxy.accepted.nth(connection);
    }
    await a!.sockets.first(6);
    await b!.sockets.first(2);
  });

  test.each(['client', 'endpoint'] as const)(
    'a %s that does not read stops the other side, in bounded memory, and loses nothing',
    async (slowSide) => {
      const { proxy, client, server } = await connected();
      const [slow, fast] = slowSide === 'client' ? [client, server] : [server, client];
      slow.pause();
      const sent = randomBytes(32 * megabyte);
      fast.end(sent);
      const passed = (): number => proxy.stats.cxRxBytesTotal.value + proxy.stats.cxTxBytesTotal.value;
      const { flowControlPausedReadingTotal } = proxy.stats;
      if (slowSide === 'endpoint') while (flowControlPausedReadingTotal.value === 0) await turn();
      let [before, still] = [-1, 0];
      while (still < 200) {
        await turn();
        still = passed() === before && before > 0 ? still + 1 : 0;
        before = passed();
      }
      // What was passed on lies in the kernel's buffers and at most one buffer of ours.
      expect(before).toBeLessThan(16 * megabyte);
      const received = await readAll(slow);
      expect(createHash('sha256').update(received).digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'));
      expect(passed()).toBe(sent.length);
      expect(proxy.stats.flowControlResumedReadingTotal.value).toBe(flowControlPausedReadingTotal.value);
    },
  );
});

/** A proxy whose client's socket reads into the buffer that the session names, as a listener's can. */
async function connectedWithOwnBuffers() {
  const [caller, endpoint] = await endpoints(2);
  const proxy = await proxyTo([endpoint!.port]);
  let session: TcpSession | null = null;
  const socket = net.connect({
    port: caller!.port,
    host: '127.0.0.1',
    allowHalfOpen: true,
    noDelay: true,
    onread: {
      buffer: () => session?.nextReadBuffer() ?? proxy.deps.shared.readBuffer,
      callback: (length, b) => {
        session!.onBytes(b as Buffer, length);
        return true;
      },
    },
  });
  session = handleTcp(socket, proxy.deps);
  socket.resume();
  return { proxy, client: await caller!.sockets.nth(0), server: await endpoint!.sockets.nth(0) };
}

test.each([
  ['lean sockets', () => connected({ documentedOnly: false })],
  ["Node's sockets with buffers of ours", connectedWithOwnBuffers],
])('bulk flows both ways at once on several connections mix up no byte, by %s', async (_, connect) => {
  const flows = await Promise.all([1, 2, 3, 4].map(() => connect()));
  const digests = await Promise.all(
    flows.flatMap(({ client, server }) =>
      [
        [client, server],
        [server, client],
      ].map(async ([from, to]) => {
        const sent = randomBytes(24 * megabyte);
        const received = readAll(to!);
        // in pieces of every size, so that flows become bulk and cease to be it
        for (let at = 0, size = 1; at < sent.length; at += size) {
          size = 1 + ((size * 7_919) % (2 * megabyte));
          if (!from!.write(sent.subarray(at, at + size))) await once(from!, 'drain');
        }
        from!.end();
        return [sent, await received].map((bytes) => createHash('sha256').update(bytes).digest('hex'));
      }),
    ),
  );
  for (const [sent, received] of digests) expect(received).toBe(sent);
  await Promise.all(flows.map(({ proxy }) => proxy.log.nth(0)));
});

test('a session has an id where a log reads it', async () => {
  for (const [readsStreamId, streamId] of [
    [true, 'id-1'],
    [false, ''],
  ] as const) {
    const { proxy, client, server } = await connected({ readsStreamId });
    client.end();
    server.end();
    expect((await proxy.log.nth(0)).streamId).toBe(streamId);
  }
});
