/** An endpoint that is a name: the address behind it changes, the endpoint stays. */
import net from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { clusterOf, endpointOf, startProxy } from '../testing.ts';

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

test('new connections go to the new address, those that are open live on at the old one', async () => {
  const port = await listen('127.0.0.1', 0);
  await listen('127.0.0.2', port);
  const at = (address: string) =>
    clusterOf([], { endpoints: [endpointOf(port, { key: `a.internal:${port}`, address, hostname: 'a.internal' })] });
  const proxy = await startProxy({ cluster: at('127.0.0.1') });
  ends.push(() => void proxy.stop());
  const ask = async () => (await fetch(`http://127.0.0.1:${proxy.port}/`)).text();
  expect(await ask()).toBe('127.0.0.1');
  const [host] = proxy.cluster.hosts;
  proxy.cluster.update(at('127.0.0.2'));
  expect(proxy.cluster.hosts).toEqual([host]);
  expect(await ask()).toBe('127.0.0.1');
  host!.closeIdle();
  expect(await ask()).toBe('127.0.0.2');
});
