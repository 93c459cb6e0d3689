/** Several servers: which one is tried when, and what a node keeps on its way from one to the next. */
import { expect, test } from 'vitest';
import { ScriptedServer } from './testing.ts';
import { complete, portsOf, startClient } from './testing-client.ts';

const reconnectMs = 250; // half of 500, as the random number of the tests is 0.5

/** A complete client of the first of two servers. */
async function completeOfTwo() {
  const second = await ScriptedServer.start();
  const first = await ScriptedServer.start();
  // of two, 0.5 takes the second of the list first
  const wired = await complete({ servers: [second.address, first.address] }, first);
  return { ...wired, first, second };
}

test.each(['an end of the stream', 'a GOAWAY and then the end', 'the death of the server'])(
  'case 36: after %s the next server is asked for what is new to what is held, and everything stays in use',
  async (how) => {
    const wired = await completeOfTwo();
    const { first, second, stream, timers, client, configs } = wired;
    if (how.includes('GOAWAY')) first.goAway();
    if (how.includes('end')) stream.end();
    else first.stop();
    timers.fire(await timers.awaitSet(reconnectMs));
    const next = await second.streams.take();
    expect([await next.said(), await next.said(), await next.said(), await next.said()]).toEqual([
      { type: 'clusters', versions: { a: 'c1' } },
      { type: 'endpoints', sub: ['a'], versions: { a: 'e1' } },
      { type: 'listeners', versions: { public: 'l1' } },
      { type: 'routes', sub: ['public'], versions: { public: 'r1' } },
    ]);
    expect(portsOf(wired, 'a')).toEqual([80]);
    const nonce = next.send('clusters', []);
    expect(await next.said()).toEqual({ type: 'clusters', nonce });
    expect(client.connected).toBe(true);
    expect(configs).toHaveLength(1);
  },
);

test('servers that cannot be reached are passed over, with a pause each, and tried again after the last', async () => {
  const there = await ScriptedServer.start();
  // 0: in the order of the list, without pauses
  const { timers, client } = startClient(0, { servers: ['127.0.0.1:1', there.address], random: () => 0 });
  timers.fire(await timers.awaitSet(0));
  const stream = await there.streams.take();
  expect(client.state().lastEnd).toMatch(/^UNAVAILABLE: /);
  stream.end();
  timers.fire(await timers.awaitSet(0));
  timers.fire(await timers.awaitSet(0));
  await there.streams.take();
});

test('a fleet with one list begins at each of them', async () => {
  const servers = await Promise.all([0, 1, 2].map(() => ScriptedServer.start()));
  for (const [index, server] of servers.entries()) {
    startClient(0, { servers: servers.map(({ address }) => address), random: () => index / 3 });
    await server.streams.take();
  }
});
