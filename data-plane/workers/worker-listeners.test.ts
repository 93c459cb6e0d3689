import { expect, test } from 'vitest';
import type { ListenerConfig } from '../model/config.ts';
import { httpChainOf } from '../testing.ts';
import { WorkerListeners } from './worker-listeners.ts';

test('a listener is said to be bound where all workers have bound it, not where it is about to be', () => {
  const logged: string[] = [];
  const log = (fields: object): void => void logged.push((fields as { event: string }).event);
  const workers = {
    ...{ serving: true, settled: false, failed: [] },
    ...{ apply: () => {}, announce: () => {}, resume: () => {}, drain: async () => {} },
  };
  const listeners = new WorkerListeners(workers, {
    places: { take: (_name, _transport, address, port) => ({ address, port }), keep: () => {} },
    binds: new Map(),
    logger: { info: log, warn: log, error: log },
    setTimer: () => {},
    newTicketKeys: () => new Uint8Array(),
  });
  const take = (port: number): void => {
    const common = { address: '127.0.0.1', tls: null, proxyProtocol: null, maxConnections: 1 };
    const web: ListenerConfig = { name: 'web', ...common, port, chain: httpChainOf([]) };
    workers.settled = false;
    listeners.take({ clusters: new Map(), listeners: new Map([['web', web]]) });
    listeners.onProgress();
  };
  const ports = (): number[] => listeners.bound().map(({ port }) => port);
  const settle = (): void => {
    workers.settled = true;
    listeners.onProgress();
  };
  take(80);
  expect(ports()).toEqual([]);
  settle();
  expect(ports()).toEqual([80]);
  take(81);
  expect(ports()).toEqual([]);
  settle();
  expect(ports()).toEqual([81]);
  expect(logged).toEqual(['listener_bound', 'listener_bound']);
});
