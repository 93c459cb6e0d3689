import { expect, test } from 'vitest';
import { specOf } from '../check.ts';
import { refusals } from '../testing.ts';
import { privateRanges } from './listener-proxy-protocol.ts';

const least = { groups: ['edge'], port: 8080 };
const specOfListener = (spec: object) => specOf({ kind: 'Listener', name: 'public', spec: { ...least, ...spec } });

test('a listener that says its groups and port has every default', () => {
  expect(specOfListener({})).toEqual({
    groups: ['edge'],
    address: '0.0.0.0',
    port: 8080,
    protocol: 'http',
    tenants: 'any',
    tls: null,
    accessLog: { format: 'json', to: 'stdout', samplePercent: 100 },
    paths: { normalize: true, mergeSlashes: true, escapedSlashes: 'reject', underscores: 'reject', http10: false },
    limits: {
      connections: 10_000,
      headerBytes: 61_440,
      headers: 100,
      streams: 100,
      headersTimeoutMs: 10_000,
      bodyTimeoutMs: 300_000,
      idleTimeoutMs: 3_600_000,
    },
    proxyProtocol: null,
    trustedHops: 0,
    filters: [],
  });
});

test('a listener that says everything is read whole', () => {
  expect(
    specOfListener({
      groups: 'edge',
      address: '0:0::1',
      port: 0,
      protocol: 'https',
      tenants: ['checkout', 'payments'],
      tls: { certificates: ['shop', 'checkout/own'], minVersion: '1.3', alpn: 'http/1.1' },
      accessLog: { format: 'json', to: '/var/log/access.log', sample: '2.5%' },
      paths: {
        ...{ normalize: false, mergeSlashes: false, escapedSlashes: 'keep' },
        ...{ underscores: { headers: 'drop' }, http10: true },
      },
      limits: {
        connections: 50,
        headerBytes: '8KiB',
        headers: 50,
        streams: 7,
        headersTimeout: '5s',
        bodyTimeout: '0s',
        idleTimeout: '1m',
      },
      proxyProtocol: { accept: 'optional', trust: ['10.0.0.0/8', 'FD00::/8'] },
      trustedHops: 2,
      filters: [{ name: 'keys', settings: { keys: { a: ['b', 1, null] } } }, { name: 'other' }],
    }),
  ).toEqual({
    groups: ['edge'],
    address: '::1',
    port: 0,
    protocol: 'https',
    tenants: ['checkout', 'payments'],
    tls: {
      certificates: [{ name: 'shop' }, { tenant: 'checkout', name: 'own' }],
      minVersion: '1.3',
      alpn: ['http/1.1'],
      client: null,
    },
    accessLog: { format: 'json', to: '/var/log/access.log', samplePercent: 2.5 },
    paths: { normalize: false, mergeSlashes: false, escapedSlashes: 'keep', underscores: 'drop', http10: true },
    limits: {
      connections: 50,
      headerBytes: 8192,
      headers: 50,
      streams: 7,
      headersTimeoutMs: 5000,
      bodyTimeoutMs: 0,
      idleTimeoutMs: 60_000,
    },
    proxyProtocol: { accept: 'optional', trust: ['10.0.0.0/8', 'fd00::/8'] },
    trustedHops: 2,
    filters: [
      { name: 'keys', settings: { keys: { a: ['b', 1, null] } } },
      { name: 'other', settings: {} },
    ],
  });
});

test.each(['required', 'optional'])(
  'PROXY headers, %s, are believed of private addresses where nothing else is said',
  (accept) => {
    expect(specOfListener({ proxyProtocol: { accept } }).proxyProtocol).toEqual({ accept, trust: privateRanges });
  },
);

test.each(['off', false])('an access log of %j is off', (accessLog) => {
  expect(specOfListener({ accessLog }).accessLog).toBeNull();
});

test('clients are asked for certificates of an authority, and of names', () => {
  const clientOf = (client: object) =>
    specOfListener({ protocol: 'https', tls: { certificates: 'shop', client } }).tls?.client;
  expect(clientOf({ mode: 'none' })).toBe(null);
  expect(clientOf({ mode: 'none', ca: 'clients' })).toBe(null);
  expect(clientOf({ ca: 'checkout/clients' })).toEqual({
    mode: 'require',
    ca: { tenant: 'checkout', name: 'clients' },
    sans: [],
  });
  expect(
    clientOf({ mode: 'require', ca: 'clients', sans: ['spiffe://a.b/*', 'urn://x', 'Orders.a', 'orders*'] }),
  ).toEqual({
    mode: 'require',
    ca: { name: 'clients' },
    sans: [
      { type: 'uri', value: 'spiffe://a.b/', prefix: true },
      { type: 'uri', value: 'urn://x', prefix: false },
      { type: 'dns', value: 'Orders.a', prefix: false },
      { type: 'dns', value: 'orders', prefix: true },
    ],
  });
});

test('https has safe defaults', () => {
  const { tls } = specOfListener({ protocol: 'https', tls: { certificates: 'shop' } });
  expect(tls).toEqual({ certificates: [{ name: 'shop' }], minVersion: '1.2', alpn: ['h2', 'http/1.1'], client: null });
});

test('one tenant may be written as the thing itself', () => {
  expect(specOfListener({ tenants: 'checkout' }).tenants).toEqual(['checkout']);
});

test.each([
  [{ groups: undefined }, 'missing-field /spec/groups'],
  [{ groups: [] }, 'invalid /spec/groups'],
  [{ groups: ['edge', 'Edge'] }, 'invalid /spec/groups/1'],
  [{ groups: ['edge', 'edge'] }, 'invalid /spec/groups/1'],
  [{ port: undefined }, 'missing-field /spec/port'],
  [{ port: 65_536 }, 'invalid /spec/port'],
  [{ port: -1 }, 'invalid /spec/port'],
  [{ port: '8080' }, 'invalid /spec/port'],
  [{ port: 80.5 }, 'invalid /spec/port'],
  [{ address: 'localhost' }, 'invalid /spec/address'],
  [{ protocol: 'htp' }, 'invalid /spec/protocol'],
  [{ protocol: 'https' }, 'missing-field /spec/tls'],
  [{ protocol: 'https', tls: {} }, 'missing-field /spec/tls/certificates'],
  [{ protocol: 'https', tls: { certificates: [] } }, 'invalid /spec/tls/certificates'],
  [{ protocol: 'https', tls: { certificates: ['a', 'b', 'a'] } }, 'invalid /spec/tls/certificates/2'],
  [{ protocol: 'https', tls: { certificates: 'a', minVersion: '1.1' } }, 'invalid /spec/tls/minVersion'],
  [{ protocol: 'https', tls: { certificates: 'a', alpn: ['h2', 'h3'] } }, 'invalid /spec/tls/alpn/1'],
  [{ protocol: 'https', tls: { certificates: 'a', client: { mode: 'request' } } }, 'missing-field /spec/tls/client/ca'],
  [
    { protocol: 'https', tls: { certificates: 'a', client: { mode: 'request', ca: 'b', sans: 'c' } } },
    'invalid /spec/tls/client/sans',
  ],
  [{ protocol: 'https', tls: { certificates: 'a', client: {} } }, 'missing-field /spec/tls/client/ca'],
  [
    { protocol: 'https', tls: { certificates: 'a', client: { mode: 'want', ca: 'b' } } },
    'invalid /spec/tls/client/mode',
  ],
  ...['', '*', 'a b', 'a.*.b', 'spiffe://a/*/b', 'spiffe://a/\0', '//a'].map((san): [object, string] => [
    { protocol: 'https', tls: { certificates: 'a', client: { ca: 'b', sans: ['c', san] } } },
    'invalid /spec/tls/client/sans/1',
  ]),
  [{ tenants: [] }, 'invalid /spec/tenants'],
  [{ tenants: 'Any' }, 'invalid /spec/tenants'],
  [{ tls: { certificates: ['a'] } }, 'invalid /spec/tls'],
  [{ protocol: 'tcp', tls: { certificates: ['a'] } }, 'invalid /spec/tls'],
  [{ protocol: 'tls-passthrough', tls: { certificates: ['a'] } }, 'invalid /spec/tls'],
  [{ proxyProtocol: { accept: 'required', trust: [] } }, 'invalid /spec/proxyProtocol/trust'],
  [{ proxyProtocol: { accept: 'required', trust: ['::1', '0::1'] } }, 'invalid /spec/proxyProtocol/trust/1'],
  [{ proxyProtocol: { accept: 'required', trust: 'proxy.internal' } }, 'invalid /spec/proxyProtocol/trust'],
  [{ proxyProtocol: { accept: 'off', trust: '10.0.0.1/8' } }, 'invalid /spec/proxyProtocol/trust'],
  [{ proxyProtocol: { accept: 'on' } }, 'invalid /spec/proxyProtocol/accept'],
  [{ proxyProtocol: {} }, 'missing-field /spec/proxyProtocol/accept'],
  [{ protocol: 'udp', proxyProtocol: { accept: 'off' } }, 'invalid /spec/proxyProtocol'],
  [{ filters: [{ name: 'Keys' }] }, 'invalid /spec/filters/0/name'],
  [{ filters: [{ name: 'a' }, { name: 'a' }] }, 'invalid /spec/filters/1'],
  [{ filters: { name: 'a', settings: 'b' } }, 'invalid /spec/filters/settings'],
  [{ protocol: 'tcp', filters: { name: 'a' } }, 'invalid /spec/filters'],
  [{ trustedHops: 101 }, 'invalid /spec/trustedHops'],
  [{ protocol: 'tcp', trustedHops: 1 }, 'invalid /spec/trustedHops'],
  [{ trustedHops: 0.5 }, 'invalid /spec/trustedHops'],
  [{ accessLog: 'on' }, 'invalid /spec/accessLog'],
  [{ accessLog: true }, 'invalid /spec/accessLog'],
  [{ accessLog: { to: 'stdot' } }, 'invalid /spec/accessLog/to'],
  [{ accessLog: { to: '/var/log/' } }, 'invalid /spec/accessLog/to'],
  [{ accessLog: { format: '%REQ(:METHOD)%' } }, 'not-supported-yet /spec/accessLog/format'],
  [{ accessLog: { sample: 'all' } }, 'invalid /spec/accessLog/sample'],
  [{ accessLog: { sample: 10 } }, 'invalid /spec/accessLog/sample'],
  [{ accessLog: { sample: '101%' } }, 'invalid /spec/accessLog/sample'],
  [{ paths: { underscores: 'keep' } }, 'invalid /spec/paths/underscores'],
  [{ paths: { underscores: { headers: 'allow' } } }, 'invalid /spec/paths/underscores/headers'],
  [{ paths: { underscores: { queries: 'keep' } } }, 'unknown-field /spec/paths/underscores/queries'],
  [{ paths: { http10: '1.0' } }, 'invalid /spec/paths/http10'],
  [{ paths: { escapedSlashes: 'drop' } }, 'invalid /spec/paths/escapedSlashes'],
  [{ paths: { normalize: 'yes' } }, 'invalid /spec/paths/normalize'],
  [{ limits: { connections: 0 } }, 'invalid /spec/limits/connections'],
  [{ limits: { streams: 0 } }, 'invalid /spec/limits/streams'],
  [{ limits: { headerBytes: 61_440 } }, 'invalid /spec/limits/headerBytes'],
  [{ limits: { headerBytes: '100B' } }, 'invalid /spec/limits/headerBytes'],
  [{ limits: { headerBytes: '9MiB' } }, 'invalid /spec/limits/headerBytes'],
  [{ limits: { headers: 0 } }, 'invalid /spec/limits/headers'],
  [{ limits: { idleTimeout: 10 } }, 'invalid /spec/limits/idleTimeout'],
  [{ protocol: 'tcp', paths: {} }, 'invalid /spec/paths'],
  [{ protocol: 'tcp', limits: { headers: 5 } }, 'invalid /spec/limits'],
  ...['tcp', 'tls-passthrough', 'udp'].flatMap((protocol): [object, string][] => [
    [{ protocol, limits: { idleTimeout: '5s' } }, 'invalid /spec/limits'],
    [{ protocol, trustedHops: 1 }, 'invalid /spec/trustedHops'],
    [{ protocol, port: undefined }, 'missing-field /spec/port'],
  ]),
])('a listener with %j is refused: %s', (spec, refused) => {
  expect(refusals('Listener', { ...least, ...spec })).toEqual([refused]);
});

test.each(['tcp', 'tls-passthrough', 'udp'])('a %s listener has a limit of connections', (protocol) => {
  expect(specOfListener({ protocol, limits: { connections: 50_000 } }).limits.connections).toBe(50_000);
});

test.each(['http', 'tcp', 'tls-passthrough'])('a %s listener may read PROXY headers', (protocol) => {
  const proxyProtocol = { accept: 'required', trust: ['0.0.0.0/0', '::/0'] };
  expect(specOfListener({ protocol, proxyProtocol }).proxyProtocol).toEqual(proxyProtocol);
  expect(specOfListener({ protocol, proxyProtocol: { ...proxyProtocol, accept: 'off' } }).proxyProtocol).toBeNull();
});

test('an api listener is no socket: it says its groups, and who may attach', () => {
  const spec = { groups: ['edge'], protocol: 'api', tenants: 'a' };
  expect(specOf({ kind: 'Listener', name: 'mesh', spec })).toMatchObject({
    ...spec,
    tenants: ['a'],
    port: 0,
    accessLog: null,
  });
});

test.each([
  [{ port: 0 }, 'port'],
  [{ address: '0.0.0.0' }, 'address'],
  [{ accessLog: 'off' }, 'accessLog'],
  [{ paths: {} }, 'paths'],
  [{ limits: {} }, 'limits'],
  [{ proxyProtocol: { accept: 'off' } }, 'proxyProtocol'],
])('an api listener with %j is refused', (spec, field) => {
  expect(refusals('Listener', { groups: ['edge'], protocol: 'api', ...spec })).toEqual([`invalid /spec/${field}`]);
});
