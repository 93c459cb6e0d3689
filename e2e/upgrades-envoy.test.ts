/** WebSockets through our node and a real Envoy, one behind the other, HTTP/2 between them, in both orders. */
import { once } from 'node:events';
import type net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { startProxy } from '../data-plane/proxy-testing.ts';
import { clusterOf, routeOf } from '../data-plane/testing.ts';
import { type RunningEnvoy, startEnvoy } from './support/envoy.ts';
import { requirePeer } from './support/peers.ts';

const typed = (name: string, fields: object) => ({
  '@type': `type.googleapis.com/envoy.extensions.${name}`,
  ...fields,
});
const clearHttp2 = { http2_protocol_options: { allow_connect: true } };

const listener = (name: string, cluster: string) => ({
  name,
  address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
  filter_chains: [
    {
      filters: [
        {
          name: 'http',
          typed_config: typed('filters.network.http_connection_manager.v3.HttpConnectionManager', {
            stat_prefix: name,
            ...clearHttp2,
            upgrade_configs: [{ upgrade_type: 'websocket' }],
            http_filters: [{ name: 'router', typed_config: typed('filters.http.router.v3.Router', {}) }],
            route_config: {
              virtual_hosts: [
                { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster } }] },
              ],
            },
          }),
        },
      ],
    },
  ],
});

const cluster = (name: string, port: number, http2: boolean) => ({
  name,
  type: 'STATIC',
  ...(http2 && {
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed('upstreams.http.v3.HttpProtocolOptions', {
        explicit_http_config: clearHttp2,
      }),
    },
  }),
  load_assignment: {
    cluster_name: name,
    endpoints: [
      { lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } }] },
    ],
  },
});

const ours = (port: number, protocol: 'http1' | 'http2') =>
  startProxy({
    cluster: clusterOf([port], { protocol }),
    routes: [routeOf('c', { upgrades: [{ type: 'websocket', enabled: true }] })],
  });

describe.skipIf(requirePeer('envoy') === undefined)('with a real Envoy', () => {
  let server: WebSocketServer;
  let envoy: RunningEnvoy;
  const proxies: Awaited<ReturnType<typeof ours>>[] = [];

  beforeAll(async () => {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    server.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })));
    const { port } = server.address() as net.AddressInfo;
    const behind = await ours(port, 'http1');
    const listeners = [listener('first', 'ours'), listener('second', 'server')];
    const clusters = [cluster('ours', behind.port, true), cluster('server', port, false)];
    envoy = await startEnvoy({ bootstrap: { static_resources: { listeners, clusters } } });
    proxies.push(behind, await ours(await envoy.listenerPort('second'), 'http2'));
  }, 60_000);

  afterAll(async () => {
    for (const client of server.clients) client.terminate();
    for (const proxy of proxies) await proxy.stop();
    await envoy?.stop();
    server.close();
  });

  test.each(['Envoy first', 'our node first'])('%s', async (order) => {
    const port = order === 'Envoy first' ? await envoy.listenerPort('first') : proxies[1]!.port;
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    await once(socket, 'open');
    const sent = Buffer.alloc(300_000, 'ping');
    socket.send(sent);
    const [heard] = await once(socket, 'message');
    socket.close(4000, 'bye');
    const [code, reason] = await once(socket, 'close');
    expect([sent.equals(heard), code, String(reason)]).toEqual([true, 4000, 'bye']);
    expect(proxies.flatMap(({ faults }) => faults)).toEqual([]);
  });
});
