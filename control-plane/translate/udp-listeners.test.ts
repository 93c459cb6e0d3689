import { expect, test } from 'vitest';
import { udpLogFields } from './access-log.ts';
import { asJson, typed } from './testing.ts';
import { udpListener } from './udp-listeners.ts';

type Written = Readonly<Record<string, unknown>>;

function proxyOf(listener: Written, ...routes: Written[]): Record<string, unknown> {
  const documents = routes.map((spec, index) => typed('L4Route', `r${index}`, spec));
  const json = asJson('listeners', udpListener(typed('Listener', 'dns', { protocol: 'udp', ...listener }), documents));
  return (json['listener_filters'] as { typed_config: Record<string, unknown> }[])[0]!.typed_config;
}

const leadsTo = (cluster: string) => ({
  action: {
    name: 'route',
    typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.udp.udp_proxy.v3.Route', cluster },
  },
});

test('a udp listener is one proxy, with a minute for idle sessions, and says what Envoy has no words for', () => {
  const listener = typed('Listener', 'dns', { protocol: 'udp', port: 53, limits: { connections: 9 } });
  expect(asJson('listeners', udpListener(listener, [typed('L4Route', 'dns')]))).toEqual({
    '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
    name: 'dns',
    address: { socket_address: { protocol: 'UDP', address: '127.0.0.1', port_value: 53 } },
    udp_listener_config: { downstream_socket_config: { max_rx_datagram_size: '65507' } },
    listener_filters: [
      {
        name: 'envoy.filters.udp_listener.udp_proxy',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig',
          stat_prefix: 'dns',
          matcher: { on_no_match: leadsTo('redis') },
          idle_timeout: '60s',
          hash_policies: [{ source_ip: true }],
          upstream_socket_config: { max_rx_datagram_size: '65507' },
          access_log: [
            {
              name: 'envoy.access_loggers.stdout',
              typed_config: expect.objectContaining({ log_format: { json_format: udpLogFields } }),
            },
          ],
        },
      },
    ],
    metadata: { filter_metadata: { 'fairlead.l4': { datapath: 'auto', hash: 'source', sessions: 9 } } },
  });
});

test('routes are told apart by their sources, the longest range first; without one for the rest it is dropped', () => {
  const wide = { sources: ['10.0.0.0/8', 'fd00::/8'], to: { cluster: 'wide' } };
  const matcher = {
    matcher_tree: {
      input: { name: 'envoy.matching.inputs.source_ip' },
      custom_match: {
        name: 'envoy.matching.custom_matchers.trie_matcher',
        typed_config: {
          '@type': 'type.googleapis.com/xds.type.matcher.v3.IPMatcher',
          range_matchers: [
            { ranges: [{ address_prefix: '10.1.2.3', prefix_len: 32 }], on_match: leadsTo('one') },
            { ranges: [{ address_prefix: '10.0.0.0', prefix_len: 8 }], on_match: leadsTo('wide') },
            { ranges: [{ address_prefix: 'fd00::', prefix_len: 8 }], on_match: leadsTo('wide') },
          ],
        },
      },
    },
  };
  const one = { sources: '10.1.2.3', to: { cluster: 'one' } };
  expect(proxyOf({}, wide, one)).toMatchObject({ matcher });
  expect(proxyOf({}, wide, one)['matcher']).not.toHaveProperty('on_no_match');
  expect(proxyOf({}, wide, one, { to: { cluster: 'rest' } })).toMatchObject({
    matcher: { ...matcher, on_no_match: leadsTo('rest') },
  });
});

test.each([
  ['source', { source_ip: true }],
  ['five-tuple', { source_ip: true }],
  ['destination-port', { key: '5353' }],
])('the hash of %s is %j', (hash, policy) => {
  expect(proxyOf({ port: 5353 }, { hash })).toMatchObject({ hash_policies: [policy] });
});

test('each packet goes its own way where a route says so, and sessions end when it says', () => {
  const proxy = proxyOf({}, { perPacket: true, idleTimeout: '0s' });
  expect(proxy).toMatchObject({ use_per_packet_load_balancing: true, idle_timeout: '0s' });
});
