import { once } from 'node:events';
import net from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { xxHashOf } from '../../proto/hashing/testing.ts';
import { hashFormats } from '../../proto/l4.ts';
import type { Arrival } from '../model/arrival.ts';
import type { TcpHashConfig } from '../model/config.ts';
import { balanceOf, clusterOf } from '../testing.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { chooseHost } from './choose.ts';
import { deadPort, startEndpoint, startTcpProxy, type TcpProxyOptions } from './testing.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const balance = balanceOf({ type: 'maglev', tableSize: 65_537, useHostname: false, boundedLoadPercent: 0 });
const source: TcpHashConfig = { type: 'source' };
const fiveTuple: TcpHashConfig = { type: 'text', format: hashFormats['five-tuple'], means: 'five-tuple' };

async function proxyTo(ports: readonly number[], hash: TcpHashConfig, rest: Partial<TcpProxyOptions> = {}) {
  const clusters = [clusterOf(ports, { protocol: 'tcp', balance })];
  const proxy = await startTcpProxy({ clusters, chain: { hash }, ...rest });
  stops.push(proxy.stop);
  return proxy;
}

async function endpoints(count: number) {
  const started = await Promise.all(Array.from({ length: count }, startEndpoint));
  stops.push(...started.map((one) => one.stop));
  return started.map(({ port }) => port);
}

/** Where a text leads. */
const endpointOf = (cluster: Cluster, text: string) => chooseHost(cluster, [], xxHashOf(text))?.key;

/** Where a connection went that has ended by now. */
async function wentTo(proxy: Awaited<ReturnType<typeof proxyTo>>, from: Partial<net.TcpNetConnectOpts> = {}) {
  const count = proxy.log.seen.length;
  const { rqTotal } = proxy.cluster.stats;
  const before = rqTotal.value;
  const client = net.connect({ host: '127.0.0.1', port: proxy.port, ...from }).on('error', () => {});
  await once(client, 'connect');
  // one that is reset before it is accepted has no address, and one that is reset before it is served went nowhere
  while (rqTotal.value === before) await turn();
  const { localAddress, localPort } = client;
  client.resetAndDestroy();
  const { upstreamHost } = await proxy.log.nth(count);
  return { upstreamHost, localAddress, localPort };
}

test('clients of one address go to one endpoint, the one that the table says', async () => {
  const proxy = await proxyTo(await endpoints(5), source);
  const seen = new Set<string>();
  // that 30 addresses at random ports have two endpoints alone does not happen (1e-11)
  for (let last = 1; last <= 30; last++) {
    const localAddress = `127.0.3.${last}`;
    for (let again = 0; again < 2; again++) {
      const { upstreamHost } = await wentTo(proxy, { localAddress });
      expect(upstreamHost).toBe(endpointOf(proxy.cluster, localAddress));
      seen.add(upstreamHost);
    }
  }
  expect(seen.size).toBeGreaterThan(2);
});

test('the ends of a connection are those that the client sees, or that the configuration names', async () => {
  const ports = await endpoints(5);
  const here = await proxyTo(ports, fiveTuple);
  const moved = await proxyTo(ports, fiveTuple, { virtualAddress: '10.9.0.1:5432' });
  for (let times = 0; times < 5; times++) {
    const first = await wentTo(here);
    const text = `127.0.0.1:${first.localPort}|127.0.0.1:${here.port}`;
    expect(first.upstreamHost).toBe(endpointOf(here.cluster, text));
    const second = await wentTo(moved);
    expect(second.upstreamHost).toBe(endpointOf(moved.cluster, `127.0.0.1:${second.localPort}|10.9.0.1:5432`));
  }
  expect(moved.log.seen[0]?.localAddress).toBe(`127.0.0.1:${moved.port}`);
});

test('what a PROXY header says goes before both', async () => {
  const arrival: Arrival = {
    ...{ remoteAddress: '192.0.2.7', remotePort: 7, localAddress: '192.0.2.1', localPort: 443 },
    ...{ directAddress: '127.0.0.1', directPort: 1, serverName: '', alpn: [], proxyTlvs: null, rawTlvs: [] },
  };
  const virtualAddress = '10.9.0.1:5432';
  const proxy = await proxyTo(await endpoints(5), fiveTuple, { virtualAddress, arrival });
  const { upstreamHost } = await wentTo(proxy);
  expect(upstreamHost).toBe(endpointOf(proxy.cluster, '192.0.2.7:7|192.0.2.1:443'));
});

test('where its endpoint does not take a connection, another one does, and always the same', async () => {
  const ports = [...(await endpoints(3)), deadPort()];
  const proxy = await proxyTo(ports, source);
  const dead = `127.0.0.1:${ports[3]}`;
  const addresses = Array.from({ length: 120 }, (_, index) => `127.0.4.${index + 1}`);
  const unlucky = addresses.filter((address) => endpointOf(proxy.cluster, address) === dead).slice(0, 3);
  expect(unlucky.length).toBeGreaterThan(0);
  for (const localAddress of unlucky) {
    const { upstreamHost } = await wentTo(proxy, { localAddress });
    expect(upstreamHost).not.toBe(dead);
    expect((await wentTo(proxy, { localAddress })).upstreamHost).toBe(upstreamHost);
  }
});
