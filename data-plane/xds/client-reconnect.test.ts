import { expect, test } from 'vitest';
import { Backoff } from './backoff.ts';
import { nackText } from './nack.ts';
import { ScriptedServer } from './testing.ts';
import {
  cluster,
  complete,
  connected,
  endpoints,
  portsOf,
  resourceTimeoutMs,
  startClient,
  table,
} from './testing-client.ts';

const reconnectMs = 250; // half of 500, as the random number of the tests is 0.5

test('case 36: a new stream asks for all that is wanted, with the versions of what is held', async () => {
  const wired = await complete();
  const { server, stream, timers, client, configs } = wired;
  stream.send('clusters', [cluster('b', 'c1')]);
  await stream.said();
  await stream.said();
  stream.send('endpoints', [endpoints('b', 'e7', 0)]);
  expect((await stream.said()).error).toMatch(/^endpoints "b"/);
  stream.end();
  await timers.awaitSet(reconnectMs);
  expect(client.connected).toBe(false);
  timers.fireAll(reconnectMs);

  const next = await server.streams.take();
  const first = await next.requests.take();
  expect(first.node?.id).toBe('n1');
  expect(first.initial_resource_versions).toEqual({ a: 'c1', b: 'c1' });
  expect(first.resource_names_subscribe).toBeUndefined();
  expect([await next.said(), await next.said(), await next.said()]).toEqual([
    { type: 'endpoints', sub: ['a', 'b'], versions: { a: 'e1' } },
    { type: 'listeners', versions: { public: 'l1' } },
    { type: 'routes', sub: ['public'], versions: { public: 'r1' } },
  ]);
  expect(portsOf(wired, 'a')).toEqual([80]);
  const announced = configs.length;
  const nonce = next.send('clusters', [cluster('a', 'c1')]);
  expect(await next.said()).toEqual({ type: 'clusters', nonce });
  expect(client.connected).toBe(true);
  expect(configs).toHaveLength(announced);
  next.send('routes', [table('public', 'r2', 'late.example.com')]);
  await next.said();
  expect(configs).toHaveLength(announced + 1);
});

test('case 36: what went while the stream was down is removed by name', async () => {
  const wired = await complete();
  const { server, stream, timers } = wired;
  stream.end();
  await timers.awaitSet(reconnectMs);
  timers.fireAll(reconnectMs);
  const next = await server.streams.take();
  for (let requests = 0; requests < 4; requests++) await next.said();
  next.send('clusters', [], ['a']);
  expect((await next.said()).error).toBeUndefined();
  expect(await next.said()).toEqual({ type: 'endpoints', unsub: ['a'] });
  expect(wired.configs.at(-1)?.clusters.size).toBe(0);
});

test('case 31: waits stop with the stream and start anew on the next one', async () => {
  const { server, stream, timers, calls } = await connected();
  stream.send('listeners', []);
  await stream.said();
  stream.send('clusters', [cluster('a', 'c1')]);
  await stream.said();
  await stream.said();
  const waits = () => [...timers.pending].filter(({ ms }) => ms === resourceTimeoutMs).length;
  expect(waits()).toBe(1);
  stream.end();
  await timers.awaitSet(reconnectMs);
  expect(waits()).toBe(0);
  timers.fireAll(reconnectMs);
  const next = await server.streams.take();
  expect([await next.said(), await next.said()]).toEqual([
    { type: 'clusters', versions: { a: 'c1' } },
    { type: 'endpoints', sub: ['a'] },
  ]);
  expect(waits()).toBe(1);
  expect(calls).toEqual([]);
  timers.fireAll(resourceTimeoutMs);
  expect(calls).toEqual(['config', 'complete']);
});

test('case 34: while nobody answers, attempts come at ever longer intervals; a response starts over', async () => {
  // nobody else listens on this address: its port is still free when the server comes back
  const ip = '127.0.34.1';
  const gone = await ScriptedServer.start(0, undefined, ip);
  gone.stop();
  const { client, timers, calls } = startClient(0, { servers: [gone.address] });
  for (const ms of [250, 500, 1_000]) {
    const timer = await timers.awaitSet(ms);
    expect(client.state().lastEnd).toMatch(/^UNAVAILABLE: /);
    if (ms < 1_000) timers.fire(timer);
  }
  const back = await ScriptedServer.start(gone.port, undefined, ip);
  timers.fireAll(1_000);
  const stream = await back.streams.take();
  await stream.said();
  await stream.said();
  expect(client.connected).toBe(false);
  stream.send('clusters', []);
  await stream.said();
  expect(client.connected).toBe(true);
  stream.end();
  await timers.awaitSet(250);
  expect(calls).toEqual([]);
});

test('a stream that ends without a response makes the next wait longer', async () => {
  const { stream, server, timers } = await connected();
  stream.end();
  timers.fire(await timers.awaitSet(250));
  (await server.streams.take()).end();
  await timers.awaitSet(500);
});

test('a control plane that is killed is noticed, and its configuration stays in use', async () => {
  const wired = await complete();
  wired.server.stop();
  await wired.timers.awaitSet(reconnectMs);
  expect(wired.client.state()).toMatchObject({ connected: false, complete: true, lastEnd: expect.any(String) });
  expect(wired.client.dump().clusters).toHaveLength(1);
  expect(wired.configs).toHaveLength(1);
});

test('a response that is no message ends the stream, since it cannot be refused', async () => {
  const { stream, timers, server } = await complete();
  stream.sendBytes(Buffer.from([0xff]));
  timers.fire(await timers.awaitSet(reconnectMs));
  const next = await server.streams.take();
  expect((await next.said()).versions).toEqual({ a: 'c1' });
});

test('a closed client calls nothing and sets no timer', async () => {
  const { client, server, timers, calls, stream } = await complete();
  stream.send('endpoints', [{ ...endpoints('a', 'e2', 81), ttlMs: 1_000 }]);
  await stream.said();
  const before = [...calls];
  client.close();
  expect(await stream.ended).toBe(true);
  server.stop();
  expect(timers.pending.size).toBe(0);
  expect(calls).toEqual(before);
  expect(client.connected).toBe(false);
});

test('a client may be closed from within its own callback', async () => {
  const wired = await connected({
    onConfig: ({ clusters }) => {
      if (clusters.has('b')) wired.client.close();
    },
  });
  const { stream, timers, client } = wired;
  stream.send('listeners', []);
  await stream.said();
  stream.send('clusters', []);
  await stream.said();
  expect(client.state().complete).toBe(true);
  stream.send('clusters', [cluster('b', 'c1', { type: 'STATIC', eds_cluster_config: null }), cluster('c', 'c1')]);
  expect(await stream.ended).toBe(true);
  expect(client.connected).toBe(false);
  expect(timers.pending.size).toBe(0);
});

test('waits are random within an interval that doubles up to 30 s', () => {
  const backoff = new Backoff(() => 0.999_999);
  expect([1, 2, 3, 4, 5, 6, 7, 8].map(() => backoff.next())).toEqual([
    499, 999, 1_999, 3_999, 7_999, 15_999, 29_999, 29_999,
  ]);
  backoff.reset();
  expect(backoff.next()).toBe(499);
  expect(new Backoff(() => 0).next()).toBe(0);
});

test('case A1: the text of a NACK is no longer than 4 KiB, cut between characters', () => {
  expect(nackText(['a', 'b'])).toBe('a\nb');
  for (const shift of ['', 'x', 'xx']) {
    const text = nackText([shift + '€'.repeat(400_000)]);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096);
    expect(text).toMatch(/^x*€+\.\.\.\(truncated\)$/);
  }
});
