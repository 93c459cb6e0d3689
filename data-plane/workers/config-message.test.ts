import { expect, test } from 'vitest';
import type { ListenerConfig, ProxyConfig, TlsConfig } from '../model/config.ts';
import { newRows } from '../telemetry/common-rows.ts';
import { clusterOf, healthCheckOf, routeOf } from '../testing.ts';
import { ConfigReceiver, ConfigSender } from './config-message.ts';

const tls: TlsConfig = {
  certificates: [{ name: 'shop', chain: 'c', key: 'k', hosts: [] }],
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  alpn: [],
  handshakeTimeoutMs: 1_000,
  client: null,
};

const hostOf = (name: string) => ({ name, domains: [name], routes: [routeOf('c')] });

const listenerOf = (hosts: readonly ReturnType<typeof hostOf>[], name = 'public'): ListenerConfig => ({
  ...{ name, address: '127.0.0.1', port: 80, maxConnections: 100, tls, proxyProtocol: null },
  chain: {
    ...{ type: 'http', codec: 'auto', statPrefix: name, serverName: '', useRemoteAddress: true, accessLogs: [] },
    ...{
      trustedHops: 0,
      preserveRequestId: false,
      forwardClientCert: null,
      upgrades: [],
      filters: [],
      stickySession: null,
      grpcWeb: null,
    },
    http2: { extendedConnect: false, maxConcurrentStreams: 1, streamWindowBytes: 1, connectionWindowBytes: 1 },
    paths: { normalize: true, mergeSlashes: true, escapedSlashes: 'reject', underscores: 'reject', http10: null },
    limits: {
      ...{ headerBytes: 1, headers: 1, headersTimeoutMs: 1, requestTimeoutMs: 1, idleTimeoutMs: 1 },
      streamIdleTimeoutMs: 1,
    },
    routes: { name: 'r', hosts },
  },
});

const configOf = (clusters: readonly ReturnType<typeof clusterOf>[], listeners: readonly ListenerConfig[]) => ({
  clusters: new Map(clusters.map((cluster) => [cluster.name, cluster])),
  listeners: new Map(listeners.map((listener) => [listener.name, listener])),
});

/** As the worker's end gets it. */
function wire() {
  const sender = new ConfigSender(
    () => newRows(2),
    () => new Set(),
  );
  const receiver = new ConfigReceiver();
  let bytes = 0;
  return {
    send: (config: ProxyConfig): ProxyConfig => {
      const message = sender.next(config);
      bytes = JSON.stringify(message).length;
      return receiver.take(structuredClone(message));
    },
    lastBytes: () => bytes,
  };
}

const routesOf = (config: ProxyConfig, name = 'public') => {
  const chain = config.listeners.get(name)!.chain;
  return chain.type === 'http' ? chain.routes : undefined;
};

test('what arrives is what was sent', () => {
  const config = configOf([clusterOf([1]), { ...clusterOf([2]), name: 'd' }], [listenerOf([hostOf('a')])]);
  expect(wire().send(config)).toEqual(config);
});

test('of a table one host changed: that host is sent, and all else is the same object as before', () => {
  const { send, lastBytes } = wire();
  const clusters = [clusterOf([1])];
  const hosts = Array.from({ length: 1_000 }, (_, index) => hostOf(`host-${index}`));
  const other = listenerOf([hostOf('z')], 'other');
  const before = send(configOf(clusters, [listenerOf(hosts), other]));
  const changed = [hostOf('new'), ...hosts.slice(1), hostOf('more')];
  const sent = configOf(clusters, [listenerOf(changed), other]);
  const after = send(sent);
  expect(after).toEqual(sent);
  expect(lastBytes()).toBeLessThan(10_000);
  expect(after.clusters.get('c')).toBe(before.clusters.get('c'));
  expect(after.listeners.get('other')).toBe(before.listeners.get('other'));
  expect(after.listeners.get('public')!.tls).toBe(before.listeners.get('public')!.tls);
  expect(routesOf(after)!.hosts[500]).toBe(routesOf(before)!.hosts[500]);
});

test('of a listener something else changed: its table is the same object as before', () => {
  const { send } = wire();
  const listener = listenerOf([hostOf('a')]);
  const before = send(configOf([], [listener]));
  const after = send(configOf([], [{ ...listener, tls: { ...tls, alpn: ['http/1.1'] }, port: 81 }]));
  expect(routesOf(after)).toBe(routesOf(before));
  expect(after.listeners.get('public')).toMatchObject({ port: 81, tls: { alpn: ['http/1.1'] } });
});

test('what is gone goes, and comes back whole', () => {
  const { send } = wire();
  const full = configOf([clusterOf([1])], [listenerOf([hostOf('a')])]);
  send(full);
  expect(send(configOf([], []))).toEqual(configOf([], []));
  expect(send(full)).toEqual(full);
});

test('the rows of a cluster come with it, once, and are the same memory', () => {
  const memory = newRows(2);
  const sender = new ConfigSender(
    () => memory,
    () => new Set(),
  );
  const cluster = clusterOf([1]);
  const { rows } = structuredClone(sender.next(configOf([cluster], [])));
  new Float64Array(memory)[0] = 7;
  expect(new Float64Array(rows.get('cluster.c.')!)[0]).toBe(7);
  expect(sender.next(configOf([{ ...cluster, connectTimeoutMs: 1 }], [])).rows.size).toBe(0);
  sender.next(configOf([], []));
  expect(sender.next(configOf([cluster], [])).rows.size).toBe(1);
});

test('a worker makes no checks, and is not sent what they are made of', () => {
  const check = { type: 'tcp', send: Buffer.from('ping'), receive: [Buffer.from('pong')] } as const;
  const cluster = clusterOf([1], { healthCheck: healthCheckOf({ intervalMs: 1, check }) });
  const { healthCheck } = wire()
    .send(configOf([cluster], []))
    .clusters.get('c')!;
  expect(healthCheck).toMatchObject({ intervalMs: 1, check: { send: null, receive: [] } });
});
