import { expect, test } from 'vitest';
import type { ProxyConfig, RouteConfig } from './model/config.ts';
import { httpChainOf, routeOf } from './testing.ts';
import { watchUnsignedSessions } from './unsigned-sessions.ts';

const session = (signed: boolean): Partial<RouteConfig> => ({
  stickySession: { by: { type: 'header', name: 'x-sticky' }, strict: false, signed },
});

function configOf(routes: readonly RouteConfig[]): ProxyConfig {
  const listener = {
    name: 'public',
    address: '127.0.0.1',
    port: 0,
    chain: httpChainOf(routes),
    proxyProtocol: null,
    tls: null,
    maxConnections: 1,
  };
  return { clusters: new Map(), listeners: new Map([['public', listener]]) };
}

const plain = configOf([routeOf('a', session(false)), routeOf('b')]);
const signed = configOf([routeOf('a'), routeOf('b', session(true))]);

test('a node without a key says which routes want one, once until they are gone', () => {
  const reports: string[] = [];
  const look = watchUnsignedSessions(false, (message) => reports.push(message));
  for (const config of [plain, signed, signed]) look(config);
  expect(reports).toEqual([expect.stringMatching(/routes b: .*FAIRLEAD_SESSION_KEY/)]);
  for (const config of [plain, signed]) look(config);
  expect(reports.length).toBe(2);
});

test('a node with a key says nothing', () => {
  watchUnsignedSessions(true, () => expect.unreachable())(signed);
});
