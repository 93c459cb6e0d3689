import { expect, test } from 'vitest';
import { typeUrls } from '../../proto/type-urls.ts';
import { edsCluster, routes, virtualHost } from './decode/testing.ts';
import { ScriptedServer } from './testing.ts';
import {
  cluster,
  complete,
  connected,
  domainsOf,
  endpoints,
  httpListener,
  portsOf,
  startClient,
} from './testing-client.ts';

test('case 1, 2: the first request of a stream says who asks, later ones do not; the token goes as metadata', async () => {
  const server = await ScriptedServer.start();
  startClient(server.port);
  const stream = await server.streams.take();
  const [first, second] = [await stream.requests.take(), await stream.requests.take()];
  expect(stream.token).toBe('Bearer secret');
  expect(first).toEqual({
    type_url: typeUrls.clusters,
    node: {
      id: 'n1',
      cluster: 'edge',
      user_agent_name: 'fairlead',
      user_agent_version: '0.1.0',
      locality: { zone: 'a' },
      client_features: [
        'envoy.lb.does_not_support_overprovisioning',
        'xds.config.supports-resource-ttl',
        'fairlead.virtual-hosts',
      ],
    },
  });
  expect(second).toEqual({ type_url: typeUrls.listeners });
});

test('the first configuration is told of when it is complete, then that it is, once', async () => {
  const wired = await complete();
  expect(portsOf(wired, 'a')).toEqual([80]);
  expect(domainsOf(wired, 'public')).toEqual(['*']);
  wired.stream.send('endpoints', [endpoints('a', 'e2', 81)]);
  await wired.stream.said();
  expect(wired.calls).toEqual(['config', 'complete', 'config']);
  expect(portsOf(wired, 'a')).toEqual([81]);
});

test('a server that has nothing completes the configuration with two empty responses', async () => {
  const { stream, calls, configs } = await connected();
  stream.send('clusters', []);
  await stream.said();
  expect(calls).toEqual([]);
  stream.send('listeners', []);
  await stream.said();
  expect(calls).toEqual(['config', 'complete']);
  expect(configs[0]?.clusters.size).toBe(0);
});

test('case 4, 18: a refused update is answered with its reason, and the last good form stays in use', async () => {
  const wired = await complete();
  const { stream, configs } = wired;
  const nonce = stream.send('clusters', [cluster('a', 'c2', { lb_policy: 'CLUSTER_PROVIDED' })]);
  expect(await stream.said()).toEqual({
    type: 'clusters',
    nonce,
    error: 'clusters "a": lb_policy: CLUSTER_PROVIDED is not supported by this data plane',
  });
  expect(configs).toHaveLength(1);
  expect(wired.client.state().types.clusters).toMatchObject({
    acks: 1,
    nacks: 1,
    error: expect.stringMatching(/CLUSTER_PROVIDED/),
  });
  const next = stream.send('clusters', [cluster('a', 'c3', { lb_policy: 'LEAST_REQUEST' })]);
  expect(await stream.said()).toEqual({ type: 'clusters', nonce: next });
  expect(configs.at(-1)?.clusters.get('a')?.balance.policy.type).toBe('least-request');
  expect(wired.client.state().types.clusters).toMatchObject({ acks: 2, nacks: 1, error: null });
});

test('case 19: what is good in a response is taken, and all that is bad is named', async () => {
  const wired = await complete();
  const { stream } = wired;
  const bad = endpoints('a', 'e2', 0, 0);
  stream.send('clusters', [
    cluster('b', 'c2'),
    cluster('x', 'c2', { lb_policy: 'CLUSTER_PROVIDED', upstream_bind_config: {} }),
  ]);
  expect((await stream.said()).error?.split('\n')).toEqual([
    'clusters "x": upstream_bind_config: not supported by this data plane',
    'clusters "x": lb_policy: CLUSTER_PROVIDED is not supported by this data plane',
  ]);
  expect(await stream.said()).toEqual({ type: 'endpoints', sub: ['b'] });
  stream.send('endpoints', [bad, endpoints('b', 'e1', 90)]);
  expect((await stream.said()).error).toMatch(/^endpoints "a": endpoints\[0\]\.lb_endpoints\[0\]/);
  expect([portsOf(wired, 'a'), portsOf(wired, 'b')]).toEqual([[80], [90]]);
});

test.each([
  ['case 9: a name twice', [cluster('b', 'c2'), cluster('b', 'c3')], [], /^clusters "b": occurs twice/],
  ['case 9: a name removed twice', [], ['b', 'b'], /^clusters "b": occurs twice/],
  ['case 9: a name sent and removed', [cluster('b', 'c2')], ['b'], /^clusters "b": occurs twice/],
  ['a name missing', [cluster('', 'c2')], [], /^clusters: a resource without a name/],
  [
    'case 8: a resource of another type',
    [{ ...cluster('b', 'c2'), type_url: typeUrls.listeners }],
    [],
    /^clusters "b": is of type .*Listener in a response of .*Cluster$/,
  ],
])('%s refuses the response as a whole', async (_law, resources, removed, error) => {
  const wired = await complete();
  const nonce = wired.stream.send('clusters', [cluster('fine', 'c2'), ...resources], ['a', ...removed]);
  const said = await wired.stream.said();
  expect(said).toEqual({ type: 'clusters', nonce, error: expect.stringMatching(error) });
  expect(wired.client.dump().clusters.map(({ name }) => name)).toEqual(['a']);
});

test('case 29: a resource must bear the name that it is sent under', async () => {
  const { stream } = await complete();
  stream.send('endpoints', [{ ...endpoints('b', 'e2', 80), name: 'a' }]);
  expect((await stream.said()).error).toBe('endpoints "a": cluster_name: is "b", but the resource is called "a"');
});

test('case 7: a type that is unknown, or was not asked for, is not answered', async () => {
  const { stream } = await connected();
  stream.sendAs({ type_url: 'type.googleapis.com/envoy.config.route.v3.VirtualHost' });
  stream.send('routes', []);
  const nonce = stream.send('clusters', []);
  expect(await stream.said()).toEqual({ type: 'clusters', nonce });
});

test('case 10: what was not asked for is ignored and acknowledged', async () => {
  const wired = await complete();
  const nonce = wired.stream.send('endpoints', [endpoints('z', 'e1', 1)]);
  expect(await wired.stream.said()).toEqual({ type: 'endpoints', nonce });
  expect(wired.client.dump().endpoints.map(({ name }) => name)).toEqual(['a']);
  expect(wired.configs).toHaveLength(1);
});

test('case 23: a removed cluster goes, and its endpoints are given back', async () => {
  const wired = await complete();
  wired.stream.send('clusters', [cluster('b', 'c1')], ['a']);
  expect((await wired.stream.said()).type).toBe('clusters');
  expect(await wired.stream.said()).toEqual({ type: 'endpoints', sub: ['b'], unsub: ['a'] });
  expect([...wired.configs.at(-1)!.clusters.keys()]).toEqual([]);
  expect(wired.client.dump().endpoints).toEqual([]);
});

test('case 25: a removed listener goes, and its routes are given back', async () => {
  const wired = await complete();
  wired.stream.send('listeners', [], ['public']);
  expect((await wired.stream.said()).error).toBeUndefined();
  expect(await wired.stream.said()).toEqual({ type: 'routes', unsub: ['public'] });
  expect(wired.configs.at(-1)?.listeners.size).toBe(0);
});

test('case 14: one name is asked for once, however many ask, and given back with the last', async () => {
  const { stream } = await complete();
  stream.send('listeners', [httpListener('other', 'l1', 'public')]);
  expect((await stream.said()).type).toBe('listeners');
  stream.send('listeners', [], ['public']);
  expect((await stream.said()).type).toBe('listeners');
  stream.send('listeners', [], ['other']);
  expect((await stream.said()).type).toBe('listeners');
  expect(await stream.said()).toEqual({ type: 'routes', unsub: ['public'] });
});

test('a configuration that cannot be applied is refused, and tried again with the next response', async () => {
  let fail = false;
  const applied: unknown[] = [];
  const { stream } = await complete({
    onConfig: (config) => {
      if (fail) throw new Error('no room');
      applied.push(config);
    },
  });
  fail = true;
  stream.send('endpoints', [endpoints('a', 'e2', 81)]);
  expect((await stream.said()).error).toBe('the configuration could not be applied: no room');
  fail = false;
  stream.send('listeners', []);
  expect((await stream.said()).error).toBeUndefined();
  expect(applied).toHaveLength(2);
});

test('the dump holds what was accepted, as it came', async () => {
  const { client, stream } = await complete();
  stream.send('clusters', [cluster('a', 'c2', { lb_policy: 'CLUSTER_PROVIDED' })]);
  await stream.said();
  expect(client.dump().clusters).toEqual([
    {
      name: 'a',
      version_info: 'c1',
      last_updated: 1_000,
      resource: { type_url: typeUrls.clusters, value: Uint8Array.from(edsCluster({ name: 'a' })) },
    },
  ]);
  expect(client.state()).toMatchObject({ connected: true, complete: true, lastEnd: null });
});

test('a change of one virtual host leaves the others the same objects, wherever they stand', async () => {
  const wired = await complete();
  const { stream, configs } = wired;
  const hosts = () => {
    const chain = configs.at(-1)?.listeners.get('public')?.chain;
    return chain?.type === 'http' ? chain.routes.hosts : [];
  };
  const send = async (version: string, ...virtual_hosts: ReturnType<typeof virtualHost>[]) => {
    stream.send('routes', [{ name: 'public', version, bytes: routes({ name: 'public', virtual_hosts }) }]);
    expect((await stream.said()).error).toBeUndefined();
    return hosts();
  };
  const a = virtualHost({ name: 'a', domains: ['a'] });
  const b = virtualHost({ name: 'b', domains: ['b'] });
  const before = await send('r2', a, b);
  const after = await send(
    'r3',
    virtualHost({ name: 'c', domains: ['c'] }),
    a,
    virtualHost({ name: 'b', domains: ['b2'] }),
  );
  expect(after.map(({ name }) => name)).toEqual(['c', 'a', 'b']);
  expect(after[1]).toBe(before[0]);
  expect(after[2]).not.toBe(before[1]);
  expect(Object.isFrozen(after)).toBe(true);
});
