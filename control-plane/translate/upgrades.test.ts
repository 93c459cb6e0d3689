import { once } from 'node:events';
import net from 'node:net';
import { expect, test } from 'vitest';
import { startEnvoy } from '../../e2e/support/envoy.ts';
import { requirePeer } from '../../e2e/support/peers.ts';
import { staticBootstrap } from './envoy-testing.ts';
import { translateGroup } from './group.ts';
import { asJson, documentSet, typed } from './testing.ts';

const documents = (port: number) =>
  documentSet([
    typed('Listener', 'public'),
    typed('Cluster', 'orders', { endpoints: { address: '127.0.0.1', port } }),
    typed('Route', 'chat', { upgrades: ['WebSocket', 'spdy/3.1'] }),
    typed('Route', 'out', { hosts: 'out.example.com', upgrades: 'connect' }),
    typed('Route', 'none', { hosts: 'none.example.com' }),
  ]);

test('upgrades are those of the route, and connect is a match of its own', () => {
  const { virtualHosts } = translateGroup(documents(1), 'edge');
  const routes = virtualHosts.flatMap(({ message }) => asJson('virtualHosts', message)['routes'] as object[]);
  expect(routes).toMatchObject([
    { name: 'none', match: { prefix: '/' }, route: {} },
    {
      name: 'out',
      match: { connect_matcher: {} },
      route: { upgrade_configs: [{ upgrade_type: 'CONNECT' }] },
    },
    {
      name: 'chat',
      match: { prefix: '/' },
      route: { upgrade_configs: [{ upgrade_type: 'websocket' }, { upgrade_type: 'spdy/3.1' }] },
    },
  ]);
  expect(routes.map((route) => 'prefix' in (route as { match: object }).match)).toEqual([true, false, true]);
  expect(JSON.stringify(routes[0])).not.toContain('upgrade_configs');
});

test.skipIf(requirePeer('envoy') === undefined)(
  'a real Envoy opens the same tunnels by it, and no others',
  async () => {
    const server = net.createServer((socket) => {
      socket.once('data', (head: Buffer) => {
        const connects = head.toString('latin1').startsWith('CONNECT');
        const upgraded = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
        socket.write(connects ? 'HTTP/1.1 200 OK\r\n\r\n' : upgraded);
        socket.pipe(socket);
      });
      socket.on('error', () => socket.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const bootstrap = staticBootstrap(documents((server.address() as net.AddressInfo).port), 'edge');
    const envoy = await startEnvoy({ bootstrap });
    const port = await envoy.listenerPort('public');
    /** What comes back: of `ping`, if the answer opens a tunnel. */
    const ask = (head: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1', () => socket.write(`${head}\r\n\r\n`));
        let answer = '';
        socket.on('data', (chunk) => {
          if (answer === '' && /^HTTP\/1.1 (101|200)/.test(chunk.toString('latin1'))) socket.write('ping');
          answer += chunk.toString('latin1');
          if (answer.endsWith('ping')) socket.destroy();
        });
        socket.on('error', () => {});
        socket.on('close', () => resolve(`${answer.slice(9, 12)}${answer.endsWith('ping') ? ' ping' : ''}`));
      });
    const upgrade = (host: string): string =>
      `GET /chat HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
    const connect = (host: string): string => `CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443`;
    try {
      expect(await ask(upgrade('shop.example.com'))).toBe('101 ping');
      expect(await ask(connect('out.example.com'))).toBe('200 ping');
      expect(await ask(upgrade('none.example.com'))).toBe('403');
      expect(await ask(connect('none.example.com'))).toBe('404');
    } finally {
      await envoy.stop();
      server.close();
    }
  },
);
