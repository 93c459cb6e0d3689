import { expect, test } from 'vitest';
import { encode, packAny } from '../../proto/codec.ts';
import type { UdpProxyConfig } from '../../proto/envoy.ts';
import { fallbackMetadata } from '../../proto/names.ts';
import type { XdsType } from '../../proto/type-urls.ts';
import { buildSnapshot, type NamedResource } from './build.ts';
import { checkSnapshot } from './check.ts';
import type { Snapshot } from './snapshot.ts';

const cluster = (name: string, serviceName?: string): NamedResource => ({
  name,
  value: encode('envoy.config.cluster.v3.Cluster', {
    name,
    type: 'EDS',
    ...(serviceName === undefined ? {} : { eds_cluster_config: { service_name: serviceName } }),
  }),
});

const endpoints = (name: string): NamedResource => ({
  name,
  value: encode('envoy.config.endpoint.v3.ClusterLoadAssignment', { cluster_name: name }),
});

const manager = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const proxy = 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';

function listener(name: string, config: ReturnType<typeof packAny>, inDefaultChain = false): NamedResource {
  const chain = { filters: [{ name: 'network', typed_config: config as never }] };
  const chains = inDefaultChain ? { default_filter_chain: chain } : { filter_chains: [chain] };
  return { name, value: encode('envoy.config.listener.v3.Listener', { name, ...chains }) };
}

const http = (name: string, routes: string, inDefaultChain = false): NamedResource =>
  listener(name, packAny(manager, { rds: { route_config_name: routes } }), inDefaultChain);

type Matcher = NonNullable<UdpProxyConfig['matcher']>;

function datagrams(name: string, matcher: Matcher): NamedResource {
  const typed_config = packAny('envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig', { matcher });
  const listener_filters = [{ name: 'udp', typed_config }];
  return { name, value: encode('envoy.config.listener.v3.Listener', { name, listener_filters }) };
}

const leadsTo = (cluster: string): NonNullable<Matcher['on_no_match']> => ({
  action: { name: 'route', typed_config: packAny('envoy.extensions.filters.udp.udp_proxy.v3.Route', { cluster }) },
});

function bySource(cluster: string): Matcher {
  const range_matchers = [{ ranges: [{ address_prefix: '10.0.0.0' }], on_match: leadsTo(cluster) }];
  const typed_config = packAny('xds.type.matcher.v3.IPMatcher', { range_matchers });
  return { matcher_tree: { custom_match: { name: 'trie', typed_config } } };
}

const to = (target: string) => ({ match: { prefix: '/' }, route: { cluster: target } });

const routes = (name: string, ...targets: string[]): NamedResource => ({
  name,
  value: encode('envoy.config.route.v3.RouteConfiguration', {
    name,
    virtual_hosts: [{ name: 'host', domains: ['*'], routes: targets.map(to) }],
  }),
});

function snapshot(given: Partial<Record<XdsType, NamedResource[]>>): Snapshot {
  return buildSnapshot('edge', 1, { clusters: [], endpoints: [], listeners: [], routes: [], ...given });
}

const sound = {
  clusters: [cluster('a'), cluster('b')],
  endpoints: [endpoints('a'), endpoints('b')],
  listeners: [http('public', 'public'), listener('redis', packAny(proxy, { cluster: 'b' }))],
  routes: [routes('public', 'a')],
};

test('A15. a snapshot in which every name leads somewhere has no problems', () => {
  expect(checkSnapshot(snapshot(sound))).toEqual([]);
  expect(checkSnapshot(snapshot({}))).toEqual([]);
});

test('A15. the name under which a cluster asks for its endpoints counts, not its own', () => {
  const clusters = [cluster('a', 'service-a')];
  expect(checkSnapshot(snapshot({ clusters, endpoints: [endpoints('service-a')] }))).toEqual([]);
  expect(checkSnapshot(snapshot({ clusters, endpoints: [endpoints('a')] }))).toEqual([
    'Cluster a names ClusterLoadAssignment service-a, which the snapshot does not hold',
    'ClusterLoadAssignment a is named by nothing in the snapshot',
  ]);
});

test('A15. endpoints without a cluster, and a cluster without endpoints, are problems', () => {
  expect(checkSnapshot(snapshot({ endpoints: [endpoints('a')] }))).toEqual([
    'ClusterLoadAssignment a is named by nothing in the snapshot',
  ]);
  expect(checkSnapshot(snapshot({ clusters: [cluster('a')] }))).toEqual([
    'Cluster a names ClusterLoadAssignment a, which the snapshot does not hold',
  ]);
});

test('A15. a cluster that needs no endpoints over EDS stands alone', () => {
  const value = encode('envoy.config.cluster.v3.Cluster', { name: 'dns', type: 'STRICT_DNS' });
  expect(checkSnapshot(snapshot({ clusters: [{ name: 'dns', value }] }))).toEqual([]);
});

test('A15. a listener without its routes, and routes without a listener, are problems', () => {
  expect(checkSnapshot(snapshot({ listeners: [http('public', 'missing')] }))).toEqual([
    'Listener public names RouteConfiguration missing, which the snapshot does not hold',
  ]);
  expect(checkSnapshot(snapshot({ routes: [routes('stray')] }))).toEqual([
    'RouteConfiguration stray is named by nothing in the snapshot',
  ]);
});

test('A15. the default filter chain and API listeners name routes as well', () => {
  const given = { listeners: [http('public', 'public', true)], routes: [routes('public')] };
  expect(checkSnapshot(snapshot(given))).toEqual([]);
  const api = encode('envoy.config.listener.v3.Listener', {
    name: 'shop.example.com',
    api_listener: { api_listener: packAny(manager, { rds: { route_config_name: 'public' } }) as never },
  });
  const listeners = [{ name: 'shop.example.com', value: api }];
  expect(checkSnapshot(snapshot({ listeners, routes: [routes('public')] }))).toEqual([]);
});

test.each([
  ['a route', { routes: [routes('public', 'gone')] }, 'RouteConfiguration public'],
  ['a TCP proxy', { listeners: [listener('l', packAny(proxy, { cluster: 'gone' }))] }, 'Listener l'],
  [
    'a weighted TCP proxy',
    { listeners: [listener('l', packAny(proxy, { weighted_clusters: { clusters: [{ name: 'gone', weight: 1 }] } }))] },
    'Listener l',
  ],
  ['a UDP proxy', { listeners: [datagrams('l', { on_no_match: leadsTo('gone') })] }, 'Listener l'],
  ['a UDP proxy by the source', { listeners: [datagrams('l', bySource('gone'))] }, 'Listener l'],
  [
    'routes inside a listener',
    {
      listeners: [
        listener(
          'l',
          packAny(manager, { route_config: { virtual_hosts: [{ domains: ['*'], routes: [to('gone')] }] } }),
        ),
      ],
    },
    'Listener l',
  ],
])('A15. %s to a cluster that is not there is a problem', (_who, given, resource) => {
  const problem = `${resource} names Cluster gone, which the snapshot does not hold`;
  expect(checkSnapshot(snapshot(given))).toContain(problem);
});

test('weighted clusters, mirrors and fallbacks of routes are references too', () => {
  const value = encode('envoy.config.route.v3.RouteConfiguration', {
    name: 'public',
    virtual_hosts: [
      {
        name: 'host',
        domains: ['*'],
        request_mirror_policies: [{ cluster: 'mirror-of-host' }],
        routes: [
          {
            match: { prefix: '/' },
            metadata: {
              filter_metadata: { [fallbackMetadata]: { fields: { cluster: { stringValue: 'fallback' } } } },
            },
            route: {
              weighted_clusters: { clusters: [{ name: 'weighted', weight: { value: 1 } }] },
              request_mirror_policies: [{ cluster: 'mirror' }],
            },
          },
        ],
      },
    ],
  });
  const given = { listeners: [http('public', 'public')], routes: [{ name: 'public', value }] };
  expect(checkSnapshot(snapshot(given))).toEqual(
    ['mirror-of-host', 'fallback', 'weighted', 'mirror'].map(
      (name) => `RouteConfiguration public names Cluster ${name}, which the snapshot does not hold`,
    ),
  );
});

test('a resource under another name than its message says, and bytes that are no message, are problems', () => {
  const renamed = { name: 'other', value: cluster('a', 'a').value };
  expect(checkSnapshot(snapshot({ clusters: [renamed], endpoints: [endpoints('a')] }))).toEqual([
    'Cluster other holds a message that calls itself "a"; the two must agree',
  ]);
  const [problem] = checkSnapshot(snapshot({ clusters: [{ name: 'odd', value: Buffer.from([0x0a, 0xff]) }] }));
  expect(problem).toMatch(/^Cluster odd cannot be decoded: /);
});

const secret = (name: string): NamedResource => ({
  name,
  value: encode('envoy.extensions.transport_sockets.tls.v3.Secret', { name }),
});

test('nor are those who sign the certificates of clients forgotten', () => {
  const validation_context_sds_secret_config = { name: 'ca' };
  for (const common of [
    { validation_context_sds_secret_config },
    { combined_validation_context: { validation_context_sds_secret_config } },
  ]) {
    const listeners = [withTls('public', common)];
    expect(checkSnapshot(snapshot({ listeners, secrets: [secret('ca')] }))).toEqual([]);
    expect(checkSnapshot(snapshot({ listeners }))).toEqual([
      'Listener public names Secret ca, which the snapshot does not hold',
    ]);
  }
});

function encrypted(name: string, ...secrets: string[]): NamedResource {
  return withTls(name, { tls_certificate_sds_secret_configs: secrets.map((one) => ({ name: one })) });
}

function withTls(name: string, common_tls_context: object): NamedResource {
  const context = packAny('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', { common_tls_context });
  const chain = { transport_socket: { name: 'tls', typed_config: context as never } };
  return { name, value: encode('envoy.config.listener.v3.Listener', { name, filter_chains: [chain] }) };
}

test('A15. a listener waits for its secrets, so each of them has to be there, and no other is handed out', () => {
  const listeners = [encrypted('public', 'shop', 'blue/own')];
  expect(checkSnapshot(snapshot({ listeners, secrets: [secret('shop'), secret('blue/own')] }))).toEqual([]);
  expect(checkSnapshot(snapshot({ listeners, secrets: [secret('shop'), secret('spare')] }))).toEqual([
    'Listener public names Secret blue/own, which the snapshot does not hold',
    'Secret spare is named by nothing in the snapshot',
  ]);
});
