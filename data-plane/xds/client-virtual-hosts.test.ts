import { expect, test } from 'vitest';
import { routes, virtualHost } from './decode/testing.ts';
import {
  complete,
  connected,
  domainsOf,
  host,
  httpListener,
  openTable,
  resourceTimeoutMs,
  table,
  type Wired,
  withHosts,
} from './testing-client.ts';

const reconnectMs = 250; // half of 500, as the random number of the tests is 0.5

const hostsOf = ({ configs }: Wired) => {
  const chain = configs.at(-1)?.listeners.get('public')?.chain;
  return chain?.type === 'http' ? chain.routes.hosts : [];
};

/** A listener whose route configuration leaves its hosts to come, and both were taken. */
async function warming(): Promise<Wired> {
  const wired = await connected();
  const { stream } = wired;
  stream.send('clusters', []);
  await stream.said();
  stream.send('listeners', [httpListener('public', 'l1')]);
  expect([await stream.said(), await stream.said()]).toEqual([
    { type: 'listeners', nonce: 'n2' },
    { type: 'routes', sub: ['public'] },
  ]);
  stream.send('routes', [openTable('public', 'r1')]);
  expect([await stream.said(), await stream.said()]).toEqual([
    { type: 'routes', nonce: 'n3' },
    { type: 'virtualHosts' },
  ]);
  return wired;
}

test('a listener waits for its virtual hosts, all of which are asked for once a route configuration leaves them out', async () => {
  const wired = await warming();
  expect(wired.calls).toEqual([]);
  wired.stream.send('virtualHosts', [host('public/a', 'h1'), host('other/b', 'h1')]);
  expect((await wired.stream.said()).error).toBeUndefined();
  expect(wired.calls).toEqual(['config', 'complete']);
  expect(domainsOf(wired, 'public')).toEqual(['a']);
  expect(wired.timers.pending.size).toBe(0);
});

test('an empty answer says that there are no virtual hosts', async () => {
  const wired = await warming();
  wired.stream.send('virtualHosts', []);
  await wired.stream.said();
  expect(wired.calls).toEqual(['config', 'complete']);
  expect(domainsOf(wired, 'public')).toEqual([]);
  expect(wired.timers.pending.size).toBe(0);
});

test('case 31: virtual hosts that do not come are waited for 15 s; later arrivals are taken', async () => {
  const wired = await warming();
  expect(wired.timers.fireAll(resourceTimeoutMs)).toBe(1);
  expect(wired.calls).toEqual(['config', 'complete']);
  expect(domainsOf(wired, 'public')).toEqual([]);
  wired.stream.send('virtualHosts', [host('public/a', 'h1')]);
  await wired.stream.said();
  expect(domainsOf(wired, 'public')).toEqual(['a']);
});

test('case 31: waits for virtual hosts stop with the stream and start anew on the next one', async () => {
  const { server, stream, timers, calls } = await warming();
  const waits = () => [...timers.pending].filter(({ ms }) => ms === resourceTimeoutMs).length;
  expect(waits()).toBe(1);
  stream.end();
  await timers.awaitSet(reconnectMs);
  expect(waits()).toBe(0);
  timers.fireAll(reconnectMs);
  const next = await server.streams.take();
  for (let requests = 0; requests < 4; requests++) await next.said();
  expect(waits()).toBe(1);
  expect(calls).toEqual([]);
});

test('a change, an addition and a removal touch one virtual host: the others stay the same objects', async () => {
  const wired = await withHosts();
  const { stream } = wired;
  const before = hostsOf(wired);
  stream.send('virtualHosts', [host('public/a', 'h2', 'a2'), host('public/c', 'h1')]);
  expect((await stream.said()).error).toBeUndefined();
  expect(domainsOf(wired, 'public')).toEqual(['a2', 'b', 'c']);
  expect(hostsOf(wired)[1]).toBe(before[1]);
  stream.send('virtualHosts', [], ['public/a']);
  expect((await stream.said()).error).toBeUndefined();
  expect(domainsOf(wired, 'public')).toEqual(['b', 'c']);
  expect(hostsOf(wired)[0]).toBe(before[1]);
  const announced = wired.configs.length;
  stream.send('virtualHosts', [host('public/b', 'h2')]);
  await stream.said();
  expect(wired.configs).toHaveLength(announced);
});

test('case 36: a new stream names the versions of the virtual hosts that are held, which serve meanwhile', async () => {
  const wired = await withHosts();
  const { server, stream, timers } = wired;
  stream.send('virtualHosts', [host('public/c', 'h7'), { ...host('public/b', 'h7'), name: 'public/d' }]);
  expect((await stream.said()).error).toBe(
    'virtualHosts "public/d": name: is "public/b", but the resource is called "public/d"',
  );
  stream.end();
  timers.fire(await timers.awaitSet(reconnectMs));
  const next = await server.streams.take();
  for (let requests = 0; requests < 4; requests++) await next.said();
  expect(await next.said()).toEqual({
    type: 'virtualHosts',
    versions: { 'public/a': 'h1', 'public/b': 'h1', 'public/c': 'h7' },
  });
  expect(domainsOf(wired, 'public')).toEqual(['a', 'b', 'c']);
  next.send('virtualHosts', [], ['public/a']);
  await next.said();
  expect(domainsOf(wired, 'public')).toEqual(['b', 'c']);
});

test('a route configuration that comes to leave its hosts out serves in its old form until they are there', async () => {
  const wired = await complete();
  const { stream } = wired;
  stream.send('routes', [openTable('public', 'r2')]);
  expect([await stream.said(), await stream.said()]).toEqual([
    { type: 'routes', nonce: 'n5' },
    { type: 'virtualHosts' },
  ]);
  expect(domainsOf(wired, 'public')).toEqual(['*']);
  stream.send('virtualHosts', [host('public/a', 'h1')]);
  await stream.said();
  expect(domainsOf(wired, 'public')).toEqual(['a']);
});

test('a listener that comes to use such a route configuration gives its old one back once the hosts are there', async () => {
  const wired = await complete();
  const { stream } = wired;
  stream.send('listeners', [httpListener('public', 'l2', 'next')]);
  await stream.said();
  expect(await stream.said()).toEqual({ type: 'routes', sub: ['next'] });
  stream.send('routes', [openTable('next', 'r1')]);
  await stream.said();
  expect(await stream.said()).toEqual({ type: 'virtualHosts' });
  expect(domainsOf(wired, 'public')).toEqual(['*']);
  stream.send('virtualHosts', []);
  await stream.said();
  expect(await stream.said()).toEqual({ type: 'routes', unsub: ['public'] });
  expect(domainsOf(wired, 'public')).toEqual([]);
});

test('a listener that is removed while it waits for virtual hosts is waited for no more', async () => {
  const { stream, timers } = await warming();
  stream.send('listeners', [], ['public']);
  expect((await stream.said()).type).toBe('listeners');
  expect(await stream.said()).toEqual({ type: 'routes', unsub: ['public'] });
  expect(await stream.said()).toEqual({ type: 'virtualHosts', unsub: ['*'] });
  expect(timers.pending.size).toBe(0);
});

test('the same where others have theirs already: what the server says of others says nothing of it', async () => {
  const wired = await withHosts();
  const { stream } = wired;
  stream.send('listeners', [httpListener('second', 'l1')]);
  await stream.said();
  await stream.said();
  stream.send('routes', [table('second', 'r1', 'old')]);
  await stream.said();
  stream.send('routes', [openTable('second', 'r2')]);
  await stream.said();
  stream.send('virtualHosts', [host('public/c', 'h1')]);
  await stream.said();
  expect(domainsOf(wired, 'second')).toEqual(['old']);
  expect(wired.timers.fireAll(resourceTimeoutMs)).toBe(1);
  expect(domainsOf(wired, 'second')).toEqual(['old']);
  stream.send('virtualHosts', [host('second/new', 'h1')]);
  await stream.said();
  expect(domainsOf(wired, 'second')).toEqual(['new']);
});

test('back to hosts inside the route configuration: they serve at once, and the others are given back', async () => {
  const wired = await withHosts();
  const { stream } = wired;
  stream.send('virtualHosts', [{ ...host('public/a', 'h1'), ttlMs: 1_000 }]);
  await stream.said();
  stream.send('routes', [table('public', 'r3', 'a', 'inside')]);
  const nonce = 'n8';
  expect([await stream.said(), await stream.said()]).toEqual([
    { type: 'routes', nonce },
    { type: 'virtualHosts', unsub: ['*'] },
  ]);
  expect(domainsOf(wired, 'public')).toEqual(['a', 'inside']);
  expect(wired.timers.pending.size).toBe(0);
  expect(wired.client.state().types.virtualHosts.resources).toBe(0);
  // and once more there
  stream.send('routes', [openTable('public', 'r4')]);
  expect([await stream.said(), await stream.said()]).toEqual([
    { type: 'routes', nonce: 'n9' },
    { type: 'virtualHosts', sub: ['*'] },
  ]);
  expect(domainsOf(wired, 'public')).toEqual(['a', 'inside']);
  stream.send('virtualHosts', [host('public/a', 'h1')]);
  await stream.said();
  expect(domainsOf(wired, 'public')).toEqual(['a']);
});

test('a domain that another virtual host has is refused with both names, and the last good form stays', async () => {
  const wired = await withHosts();
  const { stream } = wired;
  stream.send('virtualHosts', [host('public/a', 'h2', 'a', 'b'), host('public/c', 'h1')]);
  expect((await stream.said()).error).toBe(
    'virtualHosts "public/a": domains[1]: "b" is a domain of "public/b" already',
  );
  expect(domainsOf(wired, 'public')).toEqual(['a', 'b', 'c']);
  stream.send('virtualHosts', [host('public/a', 'h3', 'b'), host('public/b', 'h3', 'a')]);
  expect((await stream.said()).error).toBeUndefined();
  expect(domainsOf(wired, 'public')).toEqual(['b', 'a', 'c']);
  stream.send('virtualHosts', [host('public/a', 'h4', 'a', 'b')], ['public/b']);
  expect((await stream.said()).error).toBeUndefined();
  expect(domainsOf(wired, 'public')).toEqual(['a', 'b', 'c']);
  // other names, other tables
  stream.send('virtualHosts', [host('other/a', 'h1', 'a')]);
  expect((await stream.said()).error).toBeUndefined();
});

test('hosts inside a route configuration stand beside those that come on their own, and no domain in both', async () => {
  const wired = await withHosts();
  const { stream } = wired;
  stream.send('routes', [openTable('public', 'r3', 'inside')]);
  expect((await stream.said()).error).toBeUndefined();
  expect(domainsOf(wired, 'public')).toEqual(['inside', 'a', 'b']);
  stream.send('virtualHosts', [host('public/c', 'h1', 'inside')]);
  expect((await stream.said()).error).toBe(
    'virtualHosts "public/c": domains[0]: "inside" is a domain of "inside" already',
  );
  stream.send('routes', [openTable('public', 'r4', 'inside', 'b')]);
  expect((await stream.said()).error).toBe(
    'routes "public": virtual_hosts: "b" is a domain of "inside" and of the virtual host "public/b"',
  );
  expect(domainsOf(wired, 'public')).toEqual(['inside', 'a', 'b']);
});

test('a virtual host belongs to the route configuration with the longest name that its own begins with', async () => {
  const wired = await withHosts();
  const { stream } = wired;
  stream.send('virtualHosts', [host('public/deep/x', 'h1'), host('public/b/y', 'h1')]);
  await stream.said();
  expect(domainsOf(wired, 'public')).toEqual(['a', 'b', 'x', 'y']);
  stream.send('listeners', [httpListener('second', 'l1', 'public/deep')]);
  await stream.said();
  await stream.said();
  stream.send('routes', [openTable('public/deep', 'r1')]);
  await stream.said();
  expect(domainsOf(wired, 'public')).toEqual(['a', 'b', 'y']);
  expect(domainsOf(wired, 'second')).toEqual(['x']);
  stream.send('listeners', [], ['second']);
  expect((await stream.said()).type).toBe('listeners');
  expect(await stream.said()).toEqual({ type: 'routes', unsub: ['public/deep'] });
  expect(domainsOf(wired, 'public')).toEqual(['a', 'b', 'y', 'x']);
});

test('case 38: a time to live ends a virtual host, a heartbeat prolongs it', async () => {
  const wired = await withHosts();
  const { stream, timers } = wired;
  stream.send('virtualHosts', [{ ...host('public/a', 'h1'), ttlMs: 1_000 }]);
  await stream.said();
  stream.send('virtualHosts', [{ name: 'public/a', version: 'h1', ttlMs: 2_000 }]);
  expect((await stream.said()).error).toBeUndefined();
  expect([...timers.pending].map(({ ms }) => ms)).toEqual([2_000]);
  expect(domainsOf(wired, 'public')).toEqual(['a', 'b']);
  timers.fireAll(2_000);
  expect(domainsOf(wired, 'public')).toEqual(['b']);
});

test('routes that the server takes back while their listener stands stay in use, with their virtual hosts', async () => {
  const wired = await withHosts();
  const { stream } = wired;
  stream.send('routes', [], ['public']);
  expect((await stream.said()).error).toBeUndefined();
  expect(await stream.said()).toEqual({ type: 'virtualHosts', unsub: ['*'] });
  expect(domainsOf(wired, 'public')).toEqual(['a', 'b']);
});

test('case 7: virtual hosts that nobody asked for are not answered', async () => {
  const { stream } = await complete();
  stream.send('virtualHosts', [host('public/a', 'h1')]);
  const nonce = stream.send('clusters', []);
  expect(await stream.said()).toEqual({ type: 'clusters', nonce });
});

test('the dump shows a route configuration with the virtual hosts that came on their own', async () => {
  const { client } = await withHosts();
  const [dumped] = client.dump().routes;
  expect(dumped?.resource.value).toEqual(Uint8Array.from(openTable('public', 'r2').bytes));
  expect(dumped?.hosts).toEqual(
    [host('public/a', 'h1'), host('public/b', 'h1')].map(({ bytes }) => ({
      type_url: 'type.googleapis.com/envoy.config.route.v3.VirtualHost',
      value: Uint8Array.from(bytes),
    })),
  );
});

test('a route configuration that changes beside its virtual hosts keeps them', async () => {
  const wired = await withHosts();
  const { stream } = wired;
  const [a] = hostsOf(wired);
  const inside = virtualHost({ name: 'inside', domains: ['c'] });
  const vhds = { config_source: { ads: {} } };
  stream.send('routes', [{ name: 'public', version: 'r3', bytes: routes({ virtual_hosts: [inside], vhds }) }]);
  expect((await stream.said()).error).toBeUndefined();
  expect(hostsOf(wired)[1]).toBe(a);
});
