import { expect, test } from 'vitest';
import type {
  ClusterConfig,
  ListenerConfig,
  TcpChainConfig,
  TcpListenerConfig,
  TcpProxyConfig,
  UdpChainConfig,
} from '../../model/config.ts';
import { balanceOf, clusterOf, endpointOf, noBreakers, outliersOf } from '../../testing.ts';
import { planOf } from './plan.ts';
import { kernelCluster, kernelListener, tcpProxyOf, udpChainOf } from './testing.ts';

const plan = (listener: ListenerConfig, ...clusters: readonly ClusterConfig[]) =>
  planOf(listener, new Map([kernelCluster('c'), ...clusters].map((one) => [one.name, one])));
const tcp = (rest: Partial<TcpProxyConfig>, ...clusters: readonly ClusterConfig[]) =>
  plan(kernelListener({ proxy: tcpProxyOf('c', rest) }), ...clusters);
const udp = (rest: Partial<UdpChainConfig>) => plan(kernelListener({ chain: udpChainOf('c', rest) }));

test('a plain TCP listener of a Maglev cluster goes to the kernel, by force or not', () => {
  const ways = [{ source: null, to: { cluster: 'c', hash: 'five-tuple', idleMs: 60_000 } }];
  expect(tcp({ datapath: 'auto' })).toMatchObject({ ways, reasons: [], lost: [], insisted: false });
  expect(tcp({ datapath: 'kernel' })).toMatchObject({ ways, reasons: [], lost: [], insisted: true });
  expect(tcp({ datapath: 'user' })).toBeNull();
});

test.each<[string, Partial<TcpProxyConfig>, string]>([
  ['the source', { hash: { type: 'source' } }, 'source'],
  ['a text that means the source', { hash: { type: 'text', format: '', means: 'source' } }, 'source'],
  ['the destination port', { hash: { type: 'text', format: '', means: 'destination-port' } }, 'destination-port'],
  ['chance', { hash: null }, 'five-tuple'],
])('a hash of %s can be made there', (_what, rest, hash) => {
  expect(tcp(rest)?.ways).toMatchObject([{ to: { hash } }]);
});

const accessLogs = [{ path: '/dev/stdout', format: { type: 'text' as const, text: '' } }];

test('TLVs are nothing to it, as endpoints get no PROXY header', () => {
  expect(tcp({ datapath: 'auto', proxyTlvs: [{ type: 5, value: { format: '' } }] })).toMatchObject({ reasons: [] });
});

test.each<[string, Partial<TcpProxyConfig>, Partial<ClusterConfig>]>([
  ['access logs', { accessLogs }, {}],
  ['outlier detection of cluster c', {}, { outlierDetection: outliersOf() }],
  [
    'the bound on connections to an endpoint of cluster c',
    {},
    { breakers: { ...noBreakers, connectionsPerEndpoint: 9 } },
  ],
  [
    'the bounded load of cluster c',
    {},
    { balance: balanceOf({ type: 'maglev', tableSize: 7, useHostname: false, boundedLoadPercent: 120 }) },
  ],
])(
  '%s keeps it in user space by itself, and is lost, and said, where the kernel is insisted on',
  (what, rest, more) => {
    const cluster = { ...kernelCluster('c'), ...more };
    const auto = tcp({ ...rest, datapath: 'auto' }, cluster);
    expect(auto).toMatchObject({ ways: [], lost: [] });
    expect(auto?.reasons).toEqual([`the kernel has no ${what.replace(/^the /, '')}`]);
    expect(tcp({ ...rest, datapath: 'kernel' }, cluster)).toMatchObject({ ways: [{ source: null }], lost: [what] });
  },
);

test.each<[string, Partial<TcpProxyConfig>, Partial<ClusterConfig>]>([
  [
    'shares its connections out',
    {
      to: [
        { cluster: 'c', weight: 1 },
        { cluster: 'd', weight: 1 },
      ],
    },
    {},
  ],
  ['chooses a subset', { to: [{ cluster: 'c', weight: 1, subset: { a: 'b' } }] }, {}],
  ['hash is made of a text', { hash: { type: 'text', format: '%X%', means: null } }, {}],
  ['hash is made of a text', { hash: { type: 'text', format: '', means: 'authority' } }, {}],
  ['balances by random, not maglev', {}, { balance: balanceOf({ type: 'random' }) }],
  ['get PROXY headers', {}, { proxyHeader: { version: 2, passTlvs: [], tlvs: [] } }],
  ['endpoints side by side', {}, { endpoints: [endpointOf(1), endpointOf(1, { key: 'x', address: '10.0.0.1' })] }],
  ['endpoints side by side', {}, { endpoints: [endpointOf(1), endpointOf(1, { key: 'x', address: '::1' })] }],
  ['without a plain address', {}, { endpoints: [endpointOf(1, { address: '127.0.0.1 } accept' })] }],
  ['without a plain address', {}, { endpoints: [endpointOf(1, { address: 'fe80::1%eth0' })] }],
  [
    'has subsets',
    {},
    {
      balance: {
        ...kernelCluster('c').balance,
        subsets: { selectors: [], fallback: 'any' as const, defaultSubset: {} },
      },
    },
  ],
])('nothing can be done where it %s', (why, rest, more) => {
  const insisted = tcp({ ...rest, datapath: 'kernel' }, { ...kernelCluster('c'), ...more });
  expect(insisted).toMatchObject({ ways: [], insisted: true });
  expect(insisted?.reasons.join()).toContain(why);
});

const chainOf = (match: Partial<TcpChainConfig['match']>, proxy: Partial<TcpProxyConfig> = {}): TcpChainConfig => ({
  match: { serverNames: [], alpn: [], transport: null, sources: [], directSources: [], ...match },
  proxy: tcpProxyOf('c', proxy),
});
const listenerOf = (chain: Partial<TcpListenerConfig>, rest: Partial<ListenerConfig> = {}) =>
  plan({
    ...kernelListener({}),
    ...rest,
    chain: { type: 'tcp', inspectTls: false, inspectTimeoutMs: 0, chains: [], otherwise: null, ...chain },
  });

test.each<[string, ReturnType<typeof listenerOf>]>([
  ['ClientHello', listenerOf({ inspectTls: true, chains: [chainOf({})] })],
  ['ClientHello', listenerOf({ chains: [chainOf({ serverNames: ['a'] }), chainOf({})] })],
  ['ClientHello', listenerOf({ chains: [chainOf({ transport: 'tls' })] })],
  ['direct sources', listenerOf({ chains: [chainOf({ directSources: ['10.0.0.0/8'] })] })],
  [
    'PROXY headers',
    listenerOf(
      { chains: [chainOf({})] },
      { proxyProtocol: { required: true, trust: null, untrusted: 'closed', tlvs: [], passTlvs: [], timeoutMs: 1 } },
    ),
  ],
])('what has to be read first keeps a listener in user space: %s', (why, found) => {
  expect(found).toMatchObject({ ways: [] });
  expect(found?.reasons.join()).toContain(why);
});

test('chains by source are tried from the longest prefix on, and those of user space are left out on the way', () => {
  const found = listenerOf({
    chains: [
      chainOf({}, { hash: { type: 'source' } }),
      chainOf({ sources: ['10.0.0.0/8', 'fd00::/64'] }),
      chainOf({ sources: ['10.1.0.0/16'] }, { accessLogs }),
      chainOf({ sources: ['10.1.1.0/24'] }, { datapath: 'user' }),
    ],
    otherwise: tcpProxyOf('c', { idleTimeoutMs: 1 }),
  });
  expect(found?.ways.map(({ source, to }) => [source, to?.hash ?? 'user', to?.idleMs])).toEqual([
    ['fd00::/64', 'five-tuple', 60_000],
    ['10.1.1.0/24', 'user', undefined],
    ['10.1.0.0/16', 'user', undefined],
    ['10.0.0.0/8', 'five-tuple', 60_000],
    [null, 'source', 60_000],
    [null, 'five-tuple', 1],
  ]);
  expect(found?.reasons).toEqual(['the kernel has no access logs']);
});

test('UDP goes by the first route whose sources hold the client', () => {
  const routes = [
    { sources: ['10.0.0.0/8'], cluster: 'c' },
    { sources: [], cluster: 'd' },
  ];
  const found = plan(
    kernelListener({ chain: udpChainOf('c', { routes, hash: { type: 'source' } }) }),
    kernelCluster('d'),
  );
  expect(found).toMatchObject({ protocol: 'udp', reasons: [] });
  expect(found?.ways.map(({ source, to }) => [source, to?.cluster, to?.hash])).toEqual([
    ['10.0.0.0/8', 'c', 'source'],
    [null, 'd', 'source'],
  ]);
});

test.each<[string, Partial<UdpChainConfig>]>([
  ['each datagram chooses anew', { perPacket: true }],
  ['its hash is made of a text', { hash: { type: 'key', key: 'x' } }],
  ['its hash is made of a text', { hash: { type: 'authority' } }],
  ['the kernel has no access logs', { accessLogs, datapath: 'auto' }],
])('UDP stays in user space: %s', (why, rest) => {
  expect(udp({ datapath: 'kernel', ...rest })).toMatchObject({ ways: [], reasons: [why] });
});

test('TLVs are nothing to lose where endpoints get no PROXY headers', () => {
  expect(tcp({ proxyTlvs: [{ type: 5, value: { format: '' } }] })).toMatchObject({
    reasons: [],
    ways: [{ source: null }],
  });
});

test('nothing of HTTP is for the kernel', () => {
  expect(plan({ ...kernelListener({}), chain: { type: 'http' } as ListenerConfig['chain'] })).toBeNull();
  expect(udp({ datapath: 'user' })).toBeNull();
});

test('a cluster of one family and one kind is fine, whatever its addresses', () => {
  const cluster = clusterOf([1, 2, 3]);
  expect(tcp({}, { ...kernelCluster('c'), endpoints: cluster.endpoints })?.ways).toHaveLength(1);
});
