import { setTimeout } from 'node:timers';
import { afterEach, expect, test } from 'vitest';
import { type Carrier, carryAlone } from './carrier.ts';
import { nodeLimits } from './limits.ts';
import { Peer, startAnswerer, startUdpListener } from './listener/udp-testing.ts';
import type { Logger } from './logging.ts';
import type { ListenerConfig, ProxyConfig, UdpChainConfig } from './model/config.ts';
import type { ListenerView } from './runtime/listeners.ts';
import type { Settings } from './settings.ts';
import { StatsRegistry } from './telemetry/registry.ts';
import { balanceOf, clusterOf } from './testing.ts';
import { carryByWorkers } from './threads.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function peer(made: Promise<Peer>): Promise<Peer> {
  const one = await made;
  closers.push(() => one.close());
  return one;
}

function settings(concurrency: number, binds: Settings['binds']): Settings {
  return {
    ...{ group: 'g', id: 'n', xds: [], xdsTls: undefined, token: undefined, zone: '', sessionKeys: [], filters: [] },
    ...{ admin: { address: '127.0.0.1', port: 0 }, binds, limits: nodeLimits, concurrency, kernel: false },
  };
}

const silent = { info: () => {}, warn: () => {}, error: () => {} } as unknown as Logger;

function carry(concurrency: number, binds: Settings['binds'] = new Map()): Carrier {
  const carrier =
    concurrency === 1
      ? carryAlone(settings(1, binds), new Map(), new StatsRegistry(), silent)
      : carryByWorkers(settings(concurrency, binds), new StatsRegistry(), silent);
  closers.push(async () => {
    await carrier.node.drain(0);
    await carrier.close();
  });
  return carrier;
}

const chain: UdpChainConfig = {
  ...{ type: 'udp', statPrefix: 'dns', routes: [{ sources: [], cluster: 'c' }], idleTimeoutMs: 60_000 },
  ...{ hash: null, perPacket: false, accessLogs: [], datapath: 'user' },
};

function configOf(endpoints: readonly Peer[], rest: Partial<UdpChainConfig> = {}, name = 'dns'): ProxyConfig {
  const listener: ListenerConfig = {
    ...{ name, address: '127.0.0.1', port: 0, chain: { ...chain, ...rest } },
    ...{ proxyProtocol: null, tls: null, maxConnections: 40 },
  };
  const cluster = clusterOf(endpoints.map(({ port }) => port));
  return { clusters: new Map([['c', cluster]]), listeners: new Map([[name, listener]]) };
}

/** Asked until it is so: a node of several threads has no single moment at which all of them have changed. */
async function eventually<T>(ask: () => Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await ask();
    if (isSo(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Asked again, as it says, where a worker is too busy to answer. */
async function listenersOf(carrier: Carrier): Promise<readonly ListenerView[]> {
  return (await eventually(
    () => carrier.listeners().catch(() => null),
    (list) => list !== null,
  ))!;
}

test.each([1, 2])('a node with %i threads: bound, shown, changed in place, retired', async (concurrency) => {
  const [a, b] = [await peer(startAnswerer('a')), await peer(startAnswerer('b'))];
  const carrier = carry(concurrency);
  const stat = (name: string): number => {
    const found = carrier.stats.list().find((one) => one.name.stat === name);
    return found === undefined || found.kind === 'histogram' ? 0 : found.read();
  };
  await carrier.node.apply(configOf([a]));
  await eventually(
    async () => carrier.node,
    ({ state }) => {
      carrier.node.markComplete();
      return state === 'live';
    },
  );
  const [view] = await listenersOf(carrier);
  expect(view).toMatchObject({ name: 'dns', address: '127.0.0.1', udp: true, connections: 0, error: null });
  const { port } = view!;
  const clients: Peer[] = [];
  for (let count = 0; count < 40; count++) clients.push(await peer(new Peer().open()));
  for (const one of clients) one.send('1', port);
  for (const one of clients) expect(await one.texts(1)).toEqual(['a 1']);
  expect((await listenersOf(carrier))[0]!.connections).toBe(40);
  expect(stat('udp.dns.downstream_sess_active')).toBe(40);
  // the limit is of all threads together
  const late = await peer(new Peer().open());
  late.send('one too many', port);
  await eventually(
    async () => stat('listener.dns.downstream_cx_overflow'),
    (count) => count === 1,
  );

  await carrier.node.apply(configOf([b, a], { idleTimeoutMs: 30_000 }));
  for (const one of clients) one.send('2', port);
  for (const one of clients) expect((await one.texts(2))[1]).toBe('a 2');

  await carrier.node.apply({ ...configOf([b, a]), listeners: new Map() });
  await eventually(
    () => listenersOf(carrier),
    (list) => list.length === 0,
  );
  const stranger = await peer(new Peer().open());
  await eventually(
    async () => {
      stranger.send('who comes too late', port);
      return stat('udp.dns.downstream_sess_drain_reject');
    },
    (count) => count > 0,
  );
  for (const one of clients) one.send('3', port);
  for (const one of clients) expect((await one.texts(3))[2]).toBe('a 3');
  expect(stranger.got.seen).toEqual([]);
});

test.each([1, 2])(
  'a listener in the place of another one serves its clients at once (%i threads)',
  async (concurrency) => {
    const [a, b] = [await peer(startAnswerer('a')), await peer(startAnswerer('b'))];
    const { port } = await peer(new Peer().open());
    closers.pop()!();
    const carrier = carry(concurrency);
    const apply = async (endpoint: Peer, name: string): Promise<void> => {
      const config = configOf([endpoint], {}, name);
      const listener = { ...config.listeners.get(name)!, port };
      await carrier.node.apply({ ...config, listeners: new Map([[name, listener]]) });
      await eventually(
        async () => carrier.node,
        (node) => {
          node.markComplete();
          return node.state === 'live';
        },
      );
    };
    await apply(a, 'first');
    const clients: Peer[] = [];
    for (let count = 0; count < 20; count++) clients.push(await peer(new Peer().open()));
    for (const one of clients) one.send('1', port);
    for (const one of clients) expect(await one.texts(1)).toEqual(['a 1']);
    await apply(b, 'second');
    clients.push(await peer(new Peer().open()));
    // what was in the queue of a socket that goes is lost, as datagrams may be
    for (const one of clients) {
      await eventually(
        async () => {
          one.send('2', port);
          return one.got.seen.at(-1)?.text;
        },
        (text) => text === 'b 2',
      );
    }
  },
);

test('nodes that bind a listener elsewhere hash the address that clients know: all of them agree', async () => {
  const endpoints: Peer[] = [];
  for (const name of ['a', 'b', 'c', 'd', 'e']) endpoints.push(await peer(startAnswerer(name)));
  const config = configOf(endpoints, { hash: { type: 'five-tuple' } });
  const listener = { ...config.listeners.get('dns')!, address: '192.0.2.1', port: 53, maxConnections: 1_000 };
  const balance = balanceOf({ type: 'maglev', tableSize: 1009, useHostname: false, boundedLoadPercent: 0 });
  const cluster = { ...config.clusters.get('c')!, balance };
  const wanted = { clusters: new Map([['c', cluster]]), listeners: new Map([['dns', listener]]) };
  const ports: number[] = [];
  for (const concurrency of [1, 1, 2]) {
    const carrier = carry(concurrency, new Map([['dns', { address: '127.0.0.1', port: 0 }]]));
    await carrier.node.apply(wanted);
    carrier.node.markComplete();
    await eventually(
      async () => carrier.node.state,
      (state) => state === 'live',
    );
    ports.push((await listenersOf(carrier))[0]!.port);
  }
  const chosen = new Set<string>();
  for (let count = 0; count < 30; count++) {
    const one = await peer(new Peer().open());
    for (const port of ports) one.send('?', port);
    const answers = new Set(await one.texts(ports.length));
    expect([...answers]).toHaveLength(1);
    for (const answer of answers) chosen.add(answer);
  }
  expect(chosen.size).toBeGreaterThan(2);
});

test('several sockets share a port, each client is with one of them; when one goes, all clients are served', async () => {
  const endpoint = await peer(startAnswerer('a'));
  const proxies = [await startUdpListener({ clusters: [clusterOf([endpoint.port])], reusePort: true })];
  const { port } = proxies[0]!;
  proxies.push(await startUdpListener({ clusters: [clusterOf([endpoint.port])], reusePort: true, port }));
  for (const { stop } of proxies) closers.push(stop);
  const clients: Peer[] = [];
  for (let count = 0; count < 64; count++) clients.push(await peer(new Peer().open()));
  const ask = async (times: number): Promise<void> => {
    for (const one of clients) one.send('?', port);
    for (const one of clients) await one.got.first(times);
  };
  await ask(1);
  await ask(2);
  const sessions = proxies.map(({ server }) => server.connectionCount);
  expect(Math.min(...sessions)).toBeGreaterThan(8);
  expect(sessions[0]! + sessions[1]!).toBe(64);
  proxies[0]!.stop();
  await ask(3);
  expect(proxies[1]!.server.connectionCount).toBe(64);
});
