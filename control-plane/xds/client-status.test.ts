/** Client status discovery, case A19 of xds-server-cases.md: what every client has, asked by raw calls. */
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { decode } from '../../proto/codec.ts';
import type { ClientStatusRequest, ClientStatusResponse } from '../../proto/envoy.ts';
import { typeUrls, xdsTypeOf } from '../../proto/type-urls.ts';
import type { AuthorizeStatus, NodeIdentity } from './ports.ts';
import { Harness } from './testing/harness.ts';
import { node } from './testing/raw-client.ts';
import { type Contents, snapshotOf } from './testing/snapshots.ts';
import { StatusClient } from './testing/status-client.ts';

let harness: Harness;
const clients: StatusClient[] = [];

async function start(contents: Contents, authorizeStatus?: AuthorizeStatus): Promise<void> {
  harness = await Harness.start(contents, undefined, authorizeStatus);
}

function administrator(token?: string): StatusClient {
  const client = new StatusClient(harness.server.address, token);
  clients.push(client);
  return client;
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await harness.stop();
});

/** One line a resource: node, type, name, the server's view, the client's. */
function lines({ config = [] }: ClientStatusResponse): string[] {
  return config.flatMap(({ node, generic_xds_configs = [] }) =>
    generic_xds_configs.map(
      ({ type_url = '', name, config_status, client_status }) =>
        `${node?.id} ${xdsTypeOf(type_url)} ${name} ${config_status} ${client_status}`,
    ),
  );
}

/** What the raw node `n1` has of one resource. */
async function resourceOf(name: string, request?: ClientStatusRequest) {
  const { config = [] } = await administrator().fetch(request);
  return config[0]?.generic_xds_configs?.find((one) => one.name === name);
}

describe.each(['sotw', 'delta'] as const)('%s', (variant) => {
  test('A19. an acknowledged resource is SYNCED, with its bytes as served; one without an answer is STALE', async () => {
    await start({ clusters: { a: 1 }, endpoints: { a: 1 } });
    const stream = harness.open(variant).subscribe('clusters').subscribe('endpoints', ['a', 'later'], false);
    await stream.take();
    await stream.next();
    await harness.settled(stream);
    expect(lines(await administrator().fetch())).toEqual([
      'n1 clusters a SYNCED ACKED',
      'n1 endpoints a STALE REQUESTED',
      'n1 endpoints later NOT_SENT REQUESTED',
    ]);
    const cluster = await resourceOf('a');
    const served = harness.cache.get('edge')?.types.clusters.resources.get('a');
    expect(cluster?.version_info).toBe(served?.version);
    const any = cluster?.xds_config as unknown as { type_url: string; value: Uint8Array };
    expect(any.type_url).toBe(typeUrls.clusters);
    expect(decode('envoy.config.cluster.v3.Cluster', any.value).name).toBe('a');
    expect(cluster).not.toHaveProperty('error_state');
  });

  test('A19. of a secret its state is shown, and not its content', async () => {
    await start({ secrets: { cert: 1 } });
    const stream = harness.open(variant).subscribe('secrets', ['cert']);
    await stream.take();
    await harness.settled(stream);
    expect(lines(await administrator().fetch())).toEqual(['n1 secrets cert SYNCED ACKED']);
    expect(await resourceOf('cert')).not.toHaveProperty('xds_config');
  });

  test('A19. a refusal shows its reason, version and time on what was new in it, until that is accepted', async () => {
    await start({ clusters: { a: 1, b: 1 } });
    const stream = harness.open(variant).subscribe('clusters');
    await stream.take();
    await harness.settled(stream);
    harness.timers.advance(90_500);
    harness.publish({ clusters: { a: 2, b: 1 } });
    stream.answer(await stream.next(), 'connect_timeout: must be positive');
    await harness.settled(stream);
    expect(lines(await administrator().fetch())).toEqual(['n1 clusters a ERROR NACKED', 'n1 clusters b SYNCED ACKED']);
    const refused = await resourceOf('a');
    const version = harness.cache.get('edge')?.types.clusters.resources.get('a')?.version;
    expect(refused?.error_state).toEqual({
      details: 'connect_timeout: must be positive',
      version_info: version,
      last_update_attempt: { seconds: 90, nanos: 500_000_000 },
    });
    expect(refused?.version_info).toBe(version);
    harness.publish({ clusters: { a: 3, b: 1 } });
    await stream.take();
    await harness.settled(stream);
    expect(lines(await administrator().fetch())).toEqual(['n1 clusters a SYNCED ACKED', 'n1 clusters b SYNCED ACKED']);
    expect(await resourceOf('a')).not.toHaveProperty('error_state');
  });

  test('A19. one node is found by its exact id; an unknown one has nothing', async () => {
    await start({ clusters: { a: 1 } });
    const streams = ['n2', 'n1'].map((id) => {
      const stream = harness.open(variant);
      const first = { type_url: typeUrls.clusters, node: { ...node, id } };
      return variant === 'sotw' ? stream.sotw(first) : stream.delta(first);
    });
    for (const stream of streams) {
      await stream.take();
      await harness.settled(stream);
    }
    const matching = (exact: string) => ({ node_matchers: [{ node_id: { exact } }] });
    const client = administrator();
    expect(lines(await client.fetch(matching('n2')))).toEqual(['n2 clusters a SYNCED ACKED']);
    expect(await client.fetch(matching('n3'))).toEqual({});
    const { messages, status: ended } = await client.stream(matching('n1'), {});
    expect(ended.code).toBe(status.OK);
    expect(messages.map(lines)).toEqual([
      ['n1 clusters a SYNCED ACKED'],
      ['n1 clusters a SYNCED ACKED', 'n2 clusters a SYNCED ACKED'],
    ]);
    expect(messages[0]?.config?.[0]?.node).toEqual({
      id: 'n1',
      cluster: 'edge',
      user_agent_name: 'raw',
      user_agent_version: '1',
    });
  });
});

test('A19. a client of another replica has its types as a whole; what it asks for here is told resource by resource', async () => {
  await start({ clusters: { a: 1 } });
  const away = (id: string): NodeIdentity => ({ id, group: 'edge', userAgent: 'envoy 1.40.0', zone: 'z1' });
  const refusal = { reason: 'no', version: 'v2', atMs: 90_500 };
  harness.elsewhere = [
    {
      node: away('n2'),
      types: {
        clusters: { config: 'SYNCED', version: 'v1' },
        endpoints: { config: 'STALE', version: 'v1' },
        listeners: { config: 'ERROR', version: 'v2', refusal },
        routes: { config: 'NOT_SENT', version: '' },
      },
    },
    { node: away('n2'), types: { clusters: { config: 'STALE', version: 'v0' } } },
    {
      node: away('n1'),
      types: { clusters: { config: 'STALE', version: 'v1' }, routes: { config: 'SYNCED', version: 'v9' } },
    },
    { node: away('n0'), types: {} },
  ];
  const stream = harness.open('delta').subscribe('clusters');
  await stream.take();
  await harness.settled(stream);
  const client = administrator();
  const all = await client.fetch();
  expect(all.config?.map((one) => one.node?.id)).toEqual(['n0', 'n1', 'n2']);
  expect(lines(all)).toEqual([
    'n1 clusters a SYNCED ACKED',
    'n1 routes undefined SYNCED ACKED',
    'n2 clusters undefined SYNCED ACKED',
    'n2 endpoints undefined STALE REQUESTED',
    'n2 listeners undefined ERROR NACKED',
    'n2 routes undefined NOT_SENT REQUESTED',
  ]);
  const { config: [n2] = [] } = await client.fetch({ node_matchers: [{ node_id: { exact: 'n2' } }] });
  expect(n2?.node).toMatchObject({ id: 'n2', cluster: 'edge', locality: { zone: 'z1' }, user_agent_version: '1.40.0' });
  expect(n2?.generic_xds_configs?.map(({ version_info }) => version_info ?? '')).toEqual(['v1', 'v1', 'v2', '']);
  expect(n2?.generic_xds_configs?.[2]?.error_state).toEqual({
    details: 'no',
    version_info: 'v2',
    last_update_attempt: { seconds: 90, nanos: 500_000_000 },
  });
  const { messages } = await client.stream({ node_matchers: [{ node_id: { exact: 'n2' } }] });
  expect(messages.flatMap(({ config = [] }) => config)).toEqual([n2]);
});

test('A19. a delta refusal lasts while other resources are accepted', async () => {
  await start({ endpoints: { a: 1, b: 1 } });
  const stream = harness.open('delta').subscribe('endpoints', ['a', 'b']);
  await stream.take();
  harness.publish({ endpoints: { a: 2, b: 1 } });
  stream.answer(await stream.next(), 'no');
  harness.publish({ endpoints: { a: 2, b: 2 } });
  await stream.take();
  await harness.settled(stream);
  expect(lines(await administrator().fetch())).toEqual(['n1 endpoints a ERROR NACKED', 'n1 endpoints b SYNCED ACKED']);
});

test('A19. the streams of the per-type services of one node are one client', async () => {
  await start({ clusters: { a: 1 }, listeners: { l: 1 } });
  for (const type of ['listeners', 'clusters'] as const) {
    await harness.open('delta', type).subscribe(type).take();
  }
  await harness.observer.until(() => harness.observer.verdicts === 2);
  const { config } = await administrator().fetch();
  expect(config).toHaveLength(1);
  expect(lines({ config: config ?? [] })).toEqual(['n1 clusters a SYNCED ACKED', 'n1 listeners l SYNCED ACKED']);
});

test.each([
  ['a prefix', { node_matchers: [{ node_id: { prefix: 'n' } }] }],
  ['upper or lower case', { node_matchers: [{ node_id: { exact: 'n1', ignore_case: true } }] }],
  ['metadata', { node_matchers: [{ node_id: { exact: 'n1' }, node_metadatas: [{}] }] }],
  ['nothing', { node_matchers: [{}] }],
] as const)('40. a matcher by %s is refused', async (_what, request) => {
  await start({ clusters: { a: 1 } });
  const asked = request as unknown as ClientStatusRequest;
  await expect(administrator().fetch(asked)).rejects.toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: expect.stringContaining('node_id.exact'),
  });
  expect((await administrator().stream(asked)).status.code).toBe(status.INVALID_ARGUMENT);
});

test.each([
  ['unauthenticated', status.UNAUTHENTICATED],
  ['permission-denied', status.PERMISSION_DENIED],
] as const)('whoever is %s learns nothing', async (code, number) => {
  const tokens: unknown[] = [];
  await start({ clusters: { a: 1 } }, async (token) => {
    tokens.push(token);
    return { ok: false, code, message: 'ask the platform team' };
  });
  const client = administrator('secret');
  await expect(client.fetch()).rejects.toMatchObject({ code: number, details: 'ask the platform team' });
  expect(await client.stream({})).toMatchObject({ messages: [], status: { code: number } });
  expect(tokens).toEqual(['secret', 'secret']);
});

test('a large answer is streamed in bounded messages, and refused in one; without contents it is small', async () => {
  const names = Array.from({ length: 15_000 }, (_, i) => `a-cluster-with-a-rather-long-name-${i}`);
  await start({});
  harness.cache.set(snapshotOf({ clusters: Object.fromEntries(names.map((name) => [name, 1])) }));
  const stream = harness.open('delta').subscribe('clusters');
  await stream.take();
  await harness.settled(stream);
  const { messages, bytes, status: ended } = await administrator().stream({});
  expect(ended.code).toBe(status.OK);
  expect(messages.length).toBeGreaterThan(3);
  expect(bytes).toBeLessThanOrEqual(1024 * 1024);
  expect(messages.flatMap(lines)).toHaveLength(names.length);
  await expect(administrator().fetch()).rejects.toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
    details: expect.stringContaining('StreamClientStatus'),
  });
  const bare = await administrator().stream({ exclude_resource_contents: true });
  const shown = bare.messages.flatMap(({ config = [] }) => config.flatMap((one) => one.generic_xds_configs ?? []));
  expect(shown).toHaveLength(names.length);
  expect(shown.filter(({ xds_config }) => xds_config !== undefined)).toEqual([]);
});

test('a shutdown ends an open status stream without an error', async () => {
  const asked = Promise.withResolvers<void>();
  const never = new Promise<{ readonly ok: true }>(() => {});
  await start({ clusters: { a: 1 } }, () => {
    asked.resolve();
    return never;
  });
  const answer = administrator().stream({});
  await asked.promise;
  await harness.server.close(1000);
  expect((await answer).status.code).toBe(status.OK);
});
