/** All listeners of a thread that clients are asked to leave: HTTP says so, TCP goes on, and both serve who comes. */
import net from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { nodeLimits } from '../limits.ts';
import type { ListenerConfig, TcpProxyConfig } from '../model/config.ts';
import { startProxy, startRawUpstream, talk } from '../proxy-testing.ts';
import { LogSinks } from '../telemetry/log-sink.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { filesystemStats } from '../telemetry/stats.ts';
import { clusterOf, httpChainOf, routeOf } from '../testing.ts';
import { Listeners } from './listeners.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const common = { address: '127.0.0.1', port: 0, tls: null, proxyProtocol: null, maxConnections: 100 };
const http: ListenerConfig = { name: 'http', ...common, chain: httpChainOf([routeOf('c')]) };
const proxy: TcpProxyConfig = {
  ...{ statPrefix: 'tcp', to: [{ cluster: 'c', weight: 1 }], idleTimeoutMs: 0, accessLogs: [] },
  ...{ hash: null, proxyTlvs: [], datapath: 'user' },
};
const raw: ListenerConfig = {
  ...{ name: 'raw', ...common },
  chain: { type: 'tcp', inspectTls: false, inspectTimeoutMs: 0, chains: [], otherwise: proxy },
};

async function start() {
  const upstream = await startRawUpstream((socket, all) => {
    if (all.toString('latin1').endsWith('\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
  });
  const { shared, gate, clock, stop } = await startProxy({ cluster: clusterOf([upstream.port]) });
  const registry = new StatsRegistry();
  const none = (): never => {
    throw new Error('no listener has logs');
  };
  const listeners = new Listeners({
    ...{ shared, registry, gate, limits: nodeLimits, binds: new Map(), filters: new Map(), reusePort: false },
    sinks: new LogSinks({ ...clock, stats: filesystemStats(registry), report: none, open: none }),
    logger: { info: () => {}, warn: () => {}, error: () => {} },
    setTimer: clock.setTimer,
    onTried: () => {},
  });
  closers.push(upstream.stop, stop, () => {
    const drained = listeners.drain(0);
    clock.advance(0);
    return drained;
  });
  const wanted = new Map<string, ListenerConfig>();
  const open = async (...configs: ListenerConfig[]) => {
    for (const config of configs) wanted.set(config.name, config);
    await listeners.apply(new Map(wanted));
  };
  const port = (name: string): number => listeners.bound().find((one) => one.name === name)!.port;
  return { listeners, clock, open, port };
}

const request = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
const ask = (port: number): Promise<string> => talk(port, request, (answer) => answer.endsWith('ok'));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

test('an announcement reaches all listeners, later ones too, and is taken back', async () => {
  const { listeners, open, port } = await start();
  await open(http, raw);
  expect(listeners.bound()).toEqual([
    { name: 'http', address: '127.0.0.1', port: port('http'), udp: false },
    { name: 'raw', address: '127.0.0.1', port: port('raw'), udp: false },
  ]);
  expect(await ask(port('http'))).not.toContain('connection: close');
  listeners.announce(60_000);
  await open({ ...http, name: 'late' });
  for (const name of ['http', 'late']) expect(await ask(port(name))).toContain('connection: close');
  expect(await ask(port('raw'))).toContain('ok');
  const before = listeners.arrivals;
  listeners.resume();
  for (const name of ['http', 'late']) expect(await ask(port(name))).not.toContain('connection: close');
  expect(listeners.arrivals).toBeGreaterThan(before);
});

test('a request that has come by the time that idle connections are closed is answered, although nobody has read it yet', async () => {
  const { listeners, clock, open, port } = await start();
  await open(http);
  const socket = net.connect(port('http'), '127.0.0.1');
  closers.push(() => socket.destroy());
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  const isAnswered = async (times: number): Promise<void> => {
    await until(() => text.split('ok').length > times || socket.closed);
    expect(text.split('ok')).toHaveLength(times + 1);
  };
  socket.write(request);
  await isAnswered(1);
  listeners.announce(40_000);
  socket.write(request);
  clock.advance(39_900);
  await isAnswered(2);
  expect(text).toContain('connection: close');
});

test('a TCP session goes on until its time is over, and one that comes later has as long', async () => {
  const { listeners, clock, open, port } = await start();
  await open(raw);
  const connect = () => {
    const end = { text: '', isClosed: false, socket: net.connect(port('raw'), '127.0.0.1') };
    end.socket.on('data', (chunk) => {
      end.text += chunk.toString('latin1');
    });
    end.socket.on('error', () => {});
    end.socket.on('close', () => {
      end.isClosed = true;
    });
    closers.push(() => end.socket.destroy());
    return end;
  };
  const isAnswered = async (one: ReturnType<typeof connect>): Promise<void> => {
    one.text = '';
    one.socket.write(request);
    await until(() => one.text.endsWith('ok'));
  };
  const early = connect();
  await isAnswered(early);
  listeners.announce(40_000);
  clock.advance(39_000);
  await isAnswered(early);
  const late = connect();
  await isAnswered(late);
  clock.advance(10_000);
  await until(() => early.isClosed);
  await isAnswered(late);
  clock.advance(40_000);
  await until(() => late.isClosed);
});
