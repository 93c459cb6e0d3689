import { expect, test } from 'vitest';
import { ads } from './decode/testing.ts';
import {
  cluster,
  complete,
  connected,
  domainsOf,
  endpoints,
  httpListener,
  portsOf,
  resourceTimeoutMs,
  table,
} from './testing-client.ts';

test('case 26: a new cluster is not there until its endpoints are', async () => {
  const wired = await complete();
  wired.stream.send('clusters', [
    cluster('b', 'c1', { eds_cluster_config: { eds_config: ads, service_name: 'b-v1' } }),
  ]);
  await wired.stream.said();
  expect(await wired.stream.said()).toEqual({ type: 'endpoints', sub: ['b-v1'] });
  expect(wired.configs).toHaveLength(1);
  wired.stream.send('endpoints', [endpoints('b-v1', 'e1', 90)]);
  await wired.stream.said();
  expect(portsOf(wired, 'b')).toEqual([90]);
});

test('case 26: an updated cluster serves in its old form, kept up to date, until the new one has its endpoints', async () => {
  const wired = await complete();
  const { stream } = wired;
  const eds_cluster_config = { eds_config: ads, service_name: 'a-v2' };
  stream.send('clusters', [cluster('a', 'c2', { lb_policy: 'LEAST_REQUEST', eds_cluster_config })]);
  await stream.said();
  expect(await stream.said()).toEqual({ type: 'endpoints', sub: ['a-v2'] });
  stream.send('endpoints', [endpoints('a', 'e2', 81)]);
  await stream.said();
  expect(portsOf(wired, 'a')).toEqual([81]);
  expect(wired.configs.at(-1)?.clusters.get('a')?.balance.policy.type).toBe('round-robin');
  stream.send('endpoints', [endpoints('a-v2', 'e1', 90)]);
  await stream.said();
  expect(await stream.said()).toEqual({ type: 'endpoints', unsub: ['a'] });
  expect(portsOf(wired, 'a')).toEqual([90]);
  expect(wired.configs.at(-1)?.clusters.get('a')?.balance.policy.type).toBe('least-request');
});

test('case 26: a cluster that is removed while it warms is waited for no more', async () => {
  const wired = await complete();
  wired.stream.send('clusters', [cluster('b', 'c1')]);
  await wired.stream.said();
  expect(await wired.stream.said()).toEqual({ type: 'endpoints', sub: ['b'] });
  wired.stream.send('clusters', [], ['b']);
  await wired.stream.said();
  expect(await wired.stream.said()).toEqual({ type: 'endpoints', unsub: ['b'] });
  expect(wired.timers.pending.size).toBe(0);
});

test('case 27: an updated listener serves with its old routes until the new ones came; known ones are used at once', async () => {
  const wired = await complete();
  const { stream } = wired;
  stream.send('listeners', [httpListener('public', 'l2', 'next'), httpListener('second', 'l1', 'public')]);
  await stream.said();
  expect(await stream.said()).toEqual({ type: 'routes', sub: ['next'] });
  expect(domainsOf(wired, 'public')).toEqual(['*']);
  expect(domainsOf(wired, 'second')).toEqual(['*']);
  stream.send('routes', [table('next', 'r1', 'next.example.com')]);
  await stream.said();
  expect(domainsOf(wired, 'public')).toEqual(['next.example.com']);
});

test('case 28: routes may name a cluster that is not there', async () => {
  const wired = await complete();
  wired.stream.send('clusters', [], ['a']);
  expect((await wired.stream.said()).error).toBeUndefined();
  await wired.stream.said();
  expect(domainsOf(wired, 'public')).toEqual(['*']);
});

test('what did not change is the same object as before', async () => {
  const wired = await complete();
  const { stream, configs } = wired;
  stream.send('clusters', [cluster('b', 'c1')]);
  await stream.said();
  await stream.said();
  stream.send('endpoints', [endpoints('b', 'e1', 90)]);
  await stream.said();
  const [before, after] = [configs.at(-2)!, configs.at(-1)!];
  expect(after).not.toBe(before);
  expect(after.clusters.get('a')).toBe(before.clusters.get('a'));
  expect(after.listeners).toBe(before.listeners);
});

test('a resource that says the same again is acknowledged and changes nothing', async () => {
  const wired = await complete();
  wired.stream.send('clusters', [cluster('a', 'c2', { alt_stat_name: 'another statistic' })]);
  expect((await wired.stream.said()).error).toBeUndefined();
  wired.stream.send('endpoints', [endpoints('a', 'e1', 80)]);
  expect((await wired.stream.said()).error).toBeUndefined();
  expect(wired.configs).toHaveLength(1);
});

test('case 31: endpoints and routes that do not come are waited for 15 s; later arrivals are taken', async () => {
  const wired = await connected();
  const { stream, timers, calls } = wired;
  stream.send('clusters', [cluster('a', 'c1')]);
  await stream.said();
  await stream.said();
  stream.send('listeners', [httpListener('public', 'l1')]);
  await stream.said();
  await stream.said();
  expect(calls).toEqual([]);
  expect(timers.fireAll(resourceTimeoutMs)).toBe(2);
  expect(calls).toEqual(['config', 'complete']);
  expect(portsOf(wired, 'a')).toEqual([]);
  expect(domainsOf(wired, 'public')).toEqual([]);
  stream.send('endpoints', [endpoints('a', 'e1', 80)]);
  await stream.said();
  expect(portsOf(wired, 'a')).toEqual([80]);
});

test('case 31: an answer stops the wait, also one that is refused or says that there is no such thing', async () => {
  const { stream, timers, calls } = await connected();
  stream.send('listeners', []);
  await stream.said();
  stream.send('clusters', [cluster('a', 'c1'), cluster('b', 'c1')]);
  await stream.said();
  await stream.said();
  expect(timers.pending.size).toBe(2);
  stream.send('endpoints', [endpoints('a', 'e1', 0)], ['b']);
  expect((await stream.said()).error).toMatch(/^endpoints "a"/);
  expect(timers.pending.size).toBe(0);
  expect(calls).toEqual(['config', 'complete']);
});

test('case 32: the source of a resource may say how long it is waited for, 0 for ever', async () => {
  const { stream, timers } = await connected();
  const waiting = (seconds: number) => ({
    eds_cluster_config: { eds_config: { ...ads, initial_fetch_timeout: { seconds } } },
  });
  stream.send('clusters', [cluster('a', 'c1', waiting(1)), cluster('b', 'c1', waiting(0))]);
  await stream.said();
  await stream.said();
  expect([...timers.pending].map(({ ms }) => ms).sort()).toEqual([1_000, resourceTimeoutMs]);
});

test('case 32: a server that never speaks of listeners is not waited for for ever', async () => {
  const { stream, timers, calls } = await connected();
  stream.send('clusters', []);
  await stream.said();
  expect(timers.fireAll(resourceTimeoutMs)).toBe(1);
  expect(calls).toEqual(['config', 'complete']);
});

test('endpoints that the server takes back while their cluster stands stay in use', async () => {
  const wired = await complete();
  wired.stream.send('endpoints', [], ['a']);
  expect((await wired.stream.said()).error).toBeUndefined();
  expect(portsOf(wired, 'a')).toEqual([80]);
  expect(wired.client.dump().endpoints).toEqual([]);
  wired.stream.send('clusters', [cluster('a', 'c2', { lb_policy: 'LEAST_REQUEST' })]);
  await wired.stream.said();
  expect(portsOf(wired, 'a')).toEqual([80]);
  expect(wired.configs.at(-1)?.clusters.get('a')?.balance.policy.type).toBe('least-request');
});

test('case 38: a time to live ends a resource, a heartbeat prolongs it, a resource without one stays', async () => {
  const wired = await complete();
  const { stream, timers } = wired;
  const lengths = () => [...timers.pending].map(({ ms }) => ms);
  stream.send('clusters', [{ ...cluster('a', 'c2'), ttlMs: 1_000 }]);
  await stream.said();
  expect(lengths()).toEqual([1_000]);
  const [first] = timers.pending;
  const nonce = stream.send('clusters', [{ name: 'a', version: 'c2', ttlMs: 2_000 }]);
  expect(await stream.said()).toEqual({ type: 'clusters', nonce });
  expect(timers.pending.has(first!)).toBe(false);
  expect(lengths()).toEqual([2_000]);
  stream.send('clusters', [cluster('a', 'c2')]);
  await stream.said();
  expect(lengths()).toEqual([]);
  stream.send('clusters', [{ ...cluster('a', 'c2'), ttlMs: 3_000 }]);
  await stream.said();
  expect(wired.configs).toHaveLength(1);
  timers.fireAll(3_000);
  expect(wired.configs.at(-1)?.clusters.size).toBe(0);
  expect(await stream.said()).toEqual({ type: 'endpoints', unsub: ['a'] });
});

test('case 38: endpoints that outlive their time to live are gone', async () => {
  const wired = await complete();
  wired.stream.send('endpoints', [{ ...endpoints('a', 'e2', 81), ttlMs: 1_000 }]);
  await wired.stream.said();
  wired.timers.fireAll(1_000);
  expect(portsOf(wired, 'a')).toEqual([]);
});

test('a heartbeat for what is not held is refused', async () => {
  const { stream } = await complete();
  stream.send('clusters', [{ name: 'a', version: 'c9', ttlMs: 1_000 }]);
  expect((await stream.said()).error).toBe('clusters "a": resource: must be set');
});

test('case 38: after a refusal, a heartbeat for any version keeps the last good form alive', async () => {
  const wired = await complete();
  const { stream, timers } = wired;
  stream.send('clusters', [{ ...cluster('a', 'c2'), ttlMs: 1_000 }]);
  await stream.said();
  stream.send('clusters', [{ ...cluster('a', 'c3', { lb_policy: 'CLUSTER_PROVIDED' }), ttlMs: 1_000 }]);
  expect((await stream.said()).error).toContain('lb_policy');
  for (const version of ['c2', 'c3']) {
    const [running] = timers.pending;
    stream.send('clusters', [{ name: 'a', version, ttlMs: 1_000 }]);
    expect((await stream.said()).error).toBeUndefined();
    expect(timers.pending.has(running!)).toBe(false);
    expect([...timers.pending].map(({ ms }) => ms)).toEqual([1_000]);
  }
  stream.send('clusters', [{ ...cluster('a', 'c4'), ttlMs: 1_000 }]);
  await stream.said();
  stream.send('clusters', [{ name: 'a', version: 'c3', ttlMs: 1_000 }]);
  expect((await stream.said()).error).toBe('clusters "a": resource: must be set');
});

test('what is given back is forgotten: its time to live stops, and asked for again it is waited for again', async () => {
  const wired = await complete();
  const { stream, timers } = wired;
  const waits = () => [...timers.pending].filter(({ ms }) => ms === resourceTimeoutMs).length;
  stream.send('endpoints', [{ ...endpoints('a', 'e2', 81), ttlMs: 1_000 }]);
  await stream.said();
  stream.send('clusters', [cluster('b', 'c1')], ['a']);
  await stream.said();
  await stream.said();
  expect([...timers.pending].map(({ ms }) => ms)).toEqual([resourceTimeoutMs]);
  timers.fireAll(resourceTimeoutMs);
  expect(portsOf(wired, 'b')).toEqual([]);
  stream.send('clusters', [], ['b']);
  await stream.said();
  await stream.said();
  stream.send('clusters', [cluster('b', 'c1')]);
  await stream.said();
  expect(await stream.said()).toEqual({ type: 'endpoints', sub: ['b'] });
  expect(waits()).toBe(1);
  expect(wired.configs.at(-1)?.clusters.has('b')).toBe(false);
});
