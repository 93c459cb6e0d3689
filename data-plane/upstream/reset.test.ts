import { once } from 'node:events';
import net from 'node:net';
import { expect, test } from 'vitest';
import { endOf, startEndpoint } from '../l4/testing.ts';
import { reset } from './reset.ts';

async function pair() {
  const endpoint = await startEndpoint();
  const client = net.connect({ port: endpoint.port, host: '127.0.0.1', allowHalfOpen: true });
  await once(client, 'connect');
  return { endpoint, client, server: await endpoint.sockets.nth(0) };
}

test('the other side sees a reset', async () => {
  const { endpoint, client, server } = await pair();
  const end = endOf(server);
  reset(client);
  reset(client);
  expect(await end).toBe('ECONNRESET');
  await endpoint.stop();
});

test('what is still waiting to be written is cut off by a reset, not by an end', async () => {
  const { endpoint, client, server } = await pair();
  client.end(Buffer.alloc(32 * 1024 * 1024));
  const end = endOf(server);
  reset(client);
  expect(await end).toBe('ECONNRESET');
  await endpoint.stop();
});

test('a socket whose end is on its way closes all the same', async () => {
  const { endpoint, client } = await pair();
  const closed = once(client, 'close');
  client.end();
  process.nextTick(() => process.nextTick(() => reset(client)));
  await closed;
  await endpoint.stop();
});
