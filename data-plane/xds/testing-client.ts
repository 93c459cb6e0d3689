/** A client wired to a scripted server, and the resources that tests send it. */
import { expect, onTestFinished } from 'vitest';
import type { ProxyConfig } from '../model/config.ts';
import { createXdsClient, type XdsClient, type XdsClientOptions } from './client.ts';
import {
  ads,
  assignment,
  edsCluster,
  hostBytes,
  httpManager,
  lbEndpoint,
  listener,
  routes,
  virtualHost,
} from './decode/testing.ts';
import { ManualTimers, ScriptedServer, type ScriptedStream } from './testing.ts';

export interface WiredClient {
  readonly client: XdsClient;
  readonly timers: ManualTimers;
  /** Every configuration that was announced. */
  readonly configs: ProxyConfig[];
  /** What was called, in order. */
  readonly calls: ('config' | 'complete')[];
}

export const resourceTimeoutMs = 15_000;

/** A started client; ends with the test. */
export function startClient(port: number, options: Partial<XdsClientOptions> = {}): WiredClient {
  const timers = new ManualTimers();
  const configs: ProxyConfig[] = [];
  const calls: ('config' | 'complete')[] = [];
  const client = createXdsClient({
    servers: [`127.0.0.1:${port}`],
    node: { id: 'n1', group: 'edge', zone: 'a', version: '0.1.0' },
    token: 'secret',
    onConfig: (config) => {
      configs.push(config);
      calls.push('config');
    },
    onComplete: () => calls.push('complete'),
    logger: { info: () => {}, warn: () => {}, error: () => {} },
    resourceTimeoutMs,
    timers,
    now: () => 1_000,
    random: () => 0.5,
    ...options,
  });
  onTestFinished(() => client.close());
  client.start();
  return { client, timers, configs, calls };
}

export const cluster = (name: string, version: string, patch = {}) => ({
  name,
  version,
  bytes: edsCluster({ name, ...patch }),
});

export const endpoints = (name: string, version: string, ...ports: number[]) => ({
  name,
  version,
  bytes: assignment({
    cluster_name: name,
    endpoints: [{ lb_endpoints: ports.map((port) => lbEndpoint('10.0.0.1', port)) }],
  }),
});

export const httpListener = (name: string, version: string, route_config_name = name) => ({
  name,
  version,
  bytes: listener({ http: httpManager({ rds: { config_source: ads, route_config_name } }) }, { name }),
});

export const table = (name: string, version: string, ...domains: string[]) => ({
  name,
  version,
  bytes: routes({ name, virtual_hosts: [virtualHost({ domains: domains.length > 0 ? domains : ['*'] })] }),
});

/** A route configuration whose further hosts come as resources of their own; `domains` are those of a host inside it. */
export const openTable = (name: string, version: string, ...domains: string[]) => ({
  name,
  version,
  bytes: routes({
    name,
    virtual_hosts: domains.length > 0 ? [virtualHost({ name: 'inside', domains })] : [],
    vhds: { config_source: ads },
  }),
});

/** A virtual host as a resource of its own; its domain is the last part of its name unless said otherwise. */
export const host = (name: string, version: string, ...domains: string[]) => ({
  name,
  version,
  bytes: hostBytes(virtualHost({ name, domains: domains.length > 0 ? domains : [name.replace(/^.*\//, '')] })),
});

export interface Wired extends WiredClient {
  readonly server: ScriptedServer;
  readonly stream: ScriptedStream;
}

/** A client and its first stream, whose two first requests were read. */
export async function connected(options: Parameters<typeof startClient>[1] = {}, of?: ScriptedServer): Promise<Wired> {
  const server = of ?? (await ScriptedServer.start());
  const wired = startClient(server.port, options);
  const stream = await server.streams.take();
  expect([await stream.said(), await stream.said()]).toEqual([{ type: 'clusters' }, { type: 'listeners' }]);
  return { ...wired, server, stream };
}

/** As {@link connected}, complete with the cluster `a` (port 80) and the listener `public`. */
export async function complete(options: Parameters<typeof startClient>[1] = {}, of?: ScriptedServer): Promise<Wired> {
  const wired = await connected(options, of);
  const { stream } = wired;
  stream.send('clusters', [cluster('a', 'c1')]);
  expect([await stream.said(), await stream.said()]).toEqual([
    { type: 'clusters', nonce: 'n1' },
    { type: 'endpoints', sub: ['a'] },
  ]);
  stream.send('endpoints', [endpoints('a', 'e1', 80)]);
  expect(await stream.said()).toEqual({ type: 'endpoints', nonce: 'n2' });
  stream.send('listeners', [httpListener('public', 'l1')]);
  expect([await stream.said(), await stream.said()]).toEqual([
    { type: 'listeners', nonce: 'n3' },
    { type: 'routes', sub: ['public'] },
  ]);
  stream.send('routes', [table('public', 'r1')]);
  expect(await stream.said()).toEqual({ type: 'routes', nonce: 'n4' });
  expect(wired.client.state().complete).toBe(true);
  return wired;
}

/** As {@link complete}, with virtual hosts as resources of their own, `public/a` and `public/b`. */
export async function withHosts(options: Parameters<typeof startClient>[1] = {}): Promise<Wired> {
  const wired = await complete(options);
  const { stream } = wired;
  stream.send('routes', [openTable('public', 'r2')]);
  expect([await stream.said(), await stream.said()]).toEqual([
    { type: 'routes', nonce: 'n5' },
    { type: 'virtualHosts' },
  ]);
  stream.send('virtualHosts', [host('public/a', 'h1'), host('public/b', 'h1')]);
  expect(await stream.said()).toEqual({ type: 'virtualHosts', nonce: 'n6' });
  expect(domainsOf(wired, 'public')).toEqual(['a', 'b']);
  return wired;
}

export const portsOf = ({ configs }: WiredClient, name: string) =>
  configs
    .at(-1)
    ?.clusters.get(name)
    ?.endpoints.map(({ port }) => port);

export const domainsOf = ({ configs }: WiredClient, name: string) => {
  const chain = configs.at(-1)?.listeners.get(name)?.chain;
  return chain?.type === 'http' ? chain.routes.hosts.flatMap(({ domains }) => domains) : undefined;
};
