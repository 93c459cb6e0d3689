import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { hello, names } from '../codec/testing-hello.ts';
import { nodeLimits } from '../limits.ts';
import { matchAll, startNamedEndpoint, tcpProxyOf, until } from '../listener/testing.ts';
import type { ListenerConfig, TcpProxyConfig } from '../model/config.ts';
import { startProxy } from '../proxy-testing.ts';
import { LogSinks } from '../telemetry/log-sink.ts';
import { filesystemStats } from '../telemetry/stats.ts';
import { clusterOf, proxyProtocolOf } from '../testing.ts';
import { Listeners } from './listeners.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

/** Listeners of a node whose access logs are kept, by path. */
async function start() {
  const endpoint = await startNamedEndpoint('a');
  const proxy = await startProxy({ cluster: clusterOf([endpoint.port], { name: 'a', protocol: 'tcp' }) });
  const logs = new Map<string, string>();
  const { registry, clock, shared, gate } = proxy;
  const sinks = new LogSinks({
    stats: filesystemStats(registry),
    now: clock.now,
    report: () => {},
    setTimer: clock.setTimer,
    open: (path) => ({
      write: async (batch) => {
        logs.set(path, (logs.get(path) ?? '') + Buffer.from(batch).toString());
      },
      reopen: () => {},
      hurry: () => {},
      close: async () => {
        logs.set(path, `${logs.get(path) ?? ''}closed`);
      },
    }),
  });
  const listeners = new Listeners({
    ...{ shared, registry, sinks, limits: nodeLimits, gate, binds: new Map(), filters: new Map() },
    ...{ logger: { info: () => {}, warn: () => {}, error: () => {} }, setTimer: clock.setTimer },
    ...{ reusePort: false, onTried: () => {} },
  });
  running.push(endpoint, proxy, { stop: () => listeners.drain(0) });
  const apply = (config: ListenerConfig): Promise<void> => listeners.apply(new Map([[config.name, config]]));
  const value = (stat: string): number | undefined => {
    const found = registry.list().find(({ name }) => name.stat === stat);
    return found?.kind === 'counter' ? found.read() : undefined;
  };
  return { listeners, apply, value, logs };
}

const loggedTo = (path: string): Pick<TcpProxyConfig, 'accessLogs'> => ({
  accessLogs: [{ path, format: { type: 'text', text: '%BYTES_RECEIVED%\n' } }],
});

const listenerOf = (chains: Readonly<Record<string, string>>, rest: Partial<ListenerConfig> = {}): ListenerConfig => ({
  ...{ name: 'l', address: '127.0.0.1', port: 0, tls: null, proxyProtocol: null, maxConnections: 100 },
  chain: {
    ...{ type: 'tcp', inspectTls: true, inspectTimeoutMs: 15_000, otherwise: null },
    chains: Object.entries(chains).map(([name, statPrefix]) => ({
      match: { ...matchAll, serverNames: [name] },
      proxy: tcpProxyOf('a', { statPrefix, ...loggedTo(`/${statPrefix}`) }),
    })),
  },
  ...rest,
});

async function connect(listeners: Listeners, bytes: Buffer): Promise<net.Socket> {
  const socket = net.connect(listeners.list()[0]!.port, '127.0.0.1');
  socket.write(bytes);
  await once(socket, 'data');
  return socket;
}

test('each chain counts and logs for itself, also the sessions that began before a change', async () => {
  const { listeners, apply, value, logs } = await start();
  await apply(listenerOf({ x: 'first', y: 'second' }));
  const { port } = listeners.list()[0]!;
  const before = await connect(listeners, hello(names('x')));
  (await connect(listeners, hello(names('y')))).end();
  expect([value('tcp.first.downstream_cx_total'), value('tcp.second.downstream_cx_total')]).toEqual([1, 1]);
  await until(() => listeners.connectionCount === 1);

  await apply(listenerOf({ y: 'second', z: 'third' }, { proxyProtocol: proxyProtocolOf() }));
  expect(listeners.list()[0]!.port).toBe(port);
  (await connect(listeners, Buffer.concat([Buffer.from('PROXY UNKNOWN\r\n'), hello(names('z'))]))).end();
  await until(() => listeners.connectionCount === 1);
  expect([value('tcp.third.downstream_cx_total'), value('tcp.second.downstream_cx_total')]).toEqual([1, 1]);
  // it goes on, and so do its stats and its log
  expect(value('tcp.first.downstream_cx_total')).toBe(1);
  expect(logs.get('/first')).toBeUndefined();
  before.end('more');
  await until(() => listeners.connectionCount === 0);
  expect(value('tcp.first.downstream_cx_total')).toBeUndefined();
  await until(() => logs.get('/first')?.endsWith('closed') === true);
  expect(logs.get('/first')).toBe(`${hello(names('x')).length + 4}\nclosed`);

  await listeners.apply(new Map());
  await until(() => value('tcp.third.downstream_cx_total') === undefined);
  expect(logs.get('/third')).toMatch(/closed$/);
});

test('a listener that cannot be bound keeps neither stats nor logs', async () => {
  const { listeners, apply, value, logs } = await start();
  const taken = net.createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  await apply(listenerOf({ x: 'first' }, { port: (taken.address() as net.AddressInfo).port }));
  expect(listeners.list()).toMatchObject([{ error: expect.stringContaining('in use') }]);
  expect([value('tcp.first.downstream_cx_total'), logs.get('/first')]).toEqual([undefined, 'closed']);
  taken.close();
});
