/** An endpoint that is a name: the address behind it changes, the endpoint stays. */
import { once } from 'node:events';
import net from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { startProxy } from '../proxy-testing.ts';
import { clusterOf, endpointOf } from '../testing.ts';
import { checking } from '../world.ts';

const ends: (() => void)[] = [];
afterAll(() => {
  for (const end of ends.reverse()) end();
});

/** Answers every request with its own name. */
async function listen(address: string, port: number): Promise<number> {
  const server = net.createServer((socket) => {
    ends.push(() => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${address.length}\r\n\r\n${address}`));
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve));
  ends.push(() => void server.close());
  return (server.address() as net.AddressInfo).port;
}

function at(port: number, address: string, ...others: string[]) {
  const endpoint = endpointOf(port, { key: `a.internal:${port}`, address, hostname: 'a.internal' });
  return clusterOf([], { endpoints: [others.length === 0 ? endpoint : { ...endpoint, others }] });
}

test('new connections go to the new address, those that are open live on at the old one', async () => {
  const port = await listen('127.0.35.1', 0);
  await listen('127.0.35.2', port);
  const proxy = await startProxy({ cluster: at(port, '127.0.35.1') });
  ends.push(() => void proxy.stop());
  const ask = async () => (await fetch(`http://127.0.0.1:${proxy.port}/`)).text();
  expect(await ask()).toBe('127.0.35.1');
  const [host] = proxy.cluster.hosts;
  proxy.cluster.update(at(port, '127.0.35.2'));
  expect(proxy.cluster.hosts).toEqual([host]);
  expect(await ask()).toBe('127.0.35.1');
  host!.closeIdle();
  expect(await ask()).toBe('127.0.35.2');
});

test('a connection that is not made at one address is made at the next one, by traffic and by checks', async () => {
  const port = await listen('127.0.35.3', 0);
  // the last one has all the time there is, the others 250 ms: a machine may stand still for longer
  const cluster = at(port, '127.0.35.4', '127.0.35.3');
  const proxy = await startProxy({ cluster });
  ends.push(() => void proxy.stop());
  expect(await (await fetch(`http://127.0.0.1:${proxy.port}/`)).text()).toBe('127.0.35.3');
  expect(proxy.cluster.stats.cxConnectFail.value).toBe(0);
  const socket = checking.connect(cluster.endpoints[0]!);
  ends.push(() => socket.destroy());
  await once(socket, 'connect');
  expect(socket.remoteAddress).toBe('127.0.35.3');
});

test('if none of them takes it, it is one failure', async () => {
  const port = await listen('127.0.35.6', 0);
  const proxy = await startProxy({ cluster: at(port, '127.0.35.7', '127.0.35.8') });
  ends.push(() => void proxy.stop());
  expect((await fetch(`http://127.0.0.1:${proxy.port}/`)).status).toBe(503);
  expect(proxy.cluster.stats.cxConnectFail.value).toBe(1);
});
