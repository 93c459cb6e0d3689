/** Nodes taken out and put in again through REST, by those who may. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { platformDocuments, startTestApi, type TestApi } from './testing.ts';

let api: TestApi;
const node = { id: 'n1', group: 'edge', userAgent: 'fairlead 0.1.0', zone: '' };
const listeners = [{ name: 'public', address: '127.0.0.1', port: 8081, udp: false }];

beforeAll(async () => {
  api = await startTestApi();
  await api.call('POST', '/v1/apply', { body: platformDocuments });
  const stream = { streamId: 1, variant: 'delta', service: 'ads', hostsApart: false, takesTtl: false } as const;
  api.fleet.opened({ ...stream, node, peer: '127.0.0.1:5000' });
  api.fleet.states.joined(node, () => {});
  api.fleet.states.reported(node, { phase: 'leaving', listeners, connections: 7 });
});
afterAll(() => api.close());
beforeEach(() => api.call('POST', '/v1/nodes/n1/undrain'));

test('a node shows how it is by its own word', async () => {
  for (const { json } of [await api.call('GET', '/v1/nodes/n1'), await api.call('GET', '/v1/nodes')]) {
    const { phase, listeners: bound, connections } = json.items?.[0] ?? json;
    expect({ phase, bound, connections }).toEqual({ phase: 'leaving', bound: listeners, connections: 7 });
  }
});

test('a drain stands until it is lifted, and shows since when, until when, and what is left', async () => {
  const { status, json } = await api.call('POST', '/v1/nodes/n1/drain');
  expect(status).toBe(200);
  expect(json.draining).toMatchObject({ timeout: '45s', connections: 7, by: expect.any(String) });
  const { since, deadline } = json.draining;
  expect(Date.parse(deadline) - Date.parse(since)).toBe(45_000);
  expect((await api.call('GET', '/v1/nodes/n1')).json.draining).toEqual(json.draining);
  expect((await api.call('GET', '/v1/nodes')).json.items[0].draining).toEqual(json.draining);
  expect((await api.call('POST', '/v1/nodes/n1/drain')).json.draining).toEqual(json.draining);

  const shorter = await api.call('POST', '/v1/nodes/n1/drain', { body: { timeout: '10s' } });
  expect(shorter.json.draining).toMatchObject({ since, timeout: '10s' });
  expect((await api.call('POST', '/v1/nodes/n1/drain')).json.draining).toMatchObject({ since, timeout: '10s' });

  for (const answer of [1, 2].map(() => api.call('POST', '/v1/nodes/n1/undrain'))) {
    expect((await answer).status).toBe(200);
  }
  expect((await api.call('GET', '/v1/nodes/n1')).json).not.toHaveProperty('draining');
  const said = api.log.map((line) => JSON.parse(line)).filter(({ event }) => /^node-(un)?drain$/.test(event));
  expect(said.map(({ event, node: id }) => [event, id])).toEqual([
    ...[1, 2, 3, 4].map(() => ['node-drain', 'n1']),
    ['node-undrain', 'n1'],
  ]);
});

test('a drain is lifted although the node is not known any more', async () => {
  const away = { id: 'away', group: 'edge', userAgent: 'fairlead 0.1.0', zone: '' };
  const rest = { variant: 'delta', service: 'ads', hostsApart: false, takesTtl: false } as const;
  const stream = { ...rest, streamId: 3, node: away, peer: '127.0.0.1:5002' };
  api.fleet.opened(stream);
  await api.call('POST', '/v1/nodes/away/drain');
  api.fleet.closed(stream);
  api.fleet.evict('away', 'edge');
  const lifted = await api.call('POST', '/v1/nodes/away/undrain');
  expect([lifted.status, lifted.json]).toEqual([200, { id: 'away', connected: false }]);
  expect((await api.call('POST', '/v1/nodes/away/undrain')).status).toBe(404);
});

test('the timeout is that of the group where none is said', async () => {
  await api.call('POST', '/v1/apply', { body: 'kind: NodeGroup\nname: edge\nspec: { drain: { timeout: 2m } }' });
  expect((await api.call('POST', '/v1/nodes/n1/drain')).json.draining.timeout).toBe('2m');
});

test.each(['drain', 'undrain'])('platform and network may %s; tenants and nodes may not', async (verb) => {
  const statuses: Record<string, number> = {};
  for (const role of ['platform', 'network', 'tenant:checkout:editor', 'node:edge']) {
    const token = await api.tokenFor(role);
    statuses[role] = (await api.call('POST', `/v1/nodes/n1/${verb}`, { token })).status;
  }
  expect(statuses).toEqual({ platform: 200, network: 200, 'tenant:checkout:editor': 403, 'node:edge': 403 });
});

test('what cannot be carried out is refused, with the place', async () => {
  for (const verb of ['drain', 'undrain']) {
    const unknown = await api.call('POST', `/v1/nodes/n9/${verb}`);
    expect([unknown.status, unknown.problem.detail]).toEqual([404, expect.stringContaining('GET /v1/nodes')]);
  }
  const wrong = await api.call('POST', '/v1/nodes/n1/drain', { body: { timeout: '45' } });
  expect([wrong.status, wrong.problem.problems?.[0]?.pointer]).toEqual([422, '/timeout']);
  const unknown = await api.call('POST', '/v1/nodes/n1/drain', { body: { timout: '45s' } });
  expect([unknown.status, unknown.problem.problems?.[0]?.pointer]).toEqual([422, '/timout']);
  expect((await api.call('GET', '/v1/nodes/n1')).json).not.toHaveProperty('draining');
});

test('the preview of a cluster that is made of nodes counts them, and those that drain as not well', async () => {
  const cluster = (policy: string) => ({
    ...{ kind: 'Cluster', name: 'edge-nodes' },
    spec: { protocol: 'tcp', nodes: { group: 'edge', listener: 'public' }, balance: { policy } },
  });
  const seen = async (policy: string) => {
    const { json } = await api.call('POST', '/v1/apply?dryRun=true', { body: cluster(policy) });
    return json.preview[0];
  };
  // the fleet is looked at a moment after it changed
  while ((await seen('maglev')).panic.priorities[0]?.endpoints !== 1);
  expect((await seen('maglev')).panic.priorities).toMatchObject([{ endpoints: 1, well: 0 }]);
  const other = { ...node, id: 'n2' };
  const stream = { streamId: 2, variant: 'delta', service: 'ads', hostsApart: false, takesTtl: false } as const;
  api.fleet.opened({ ...stream, node: other, peer: '127.0.0.1:5001' });
  api.fleet.states.joined(other, () => {});
  api.fleet.states.reported(other, { phase: 'live', listeners: [{ ...listeners[0]!, port: 8082 }], connections: 0 });
  while ((await seen('maglev')).panic.priorities[0]?.endpoints !== 2);
  expect((await seen('maglev')).panic.priorities).toMatchObject([{ endpoints: 2, well: 1 }]);
  expect((await seen('maglev')).skew.most.endpoint).toBe('127.0.0.1:8082');
});

test('the reference describes it', async () => {
  const { paths } = (await api.call('GET', '/docs/json')).json;
  expect(paths['/v1/nodes/{id}/drain'].post.requestBody.required).toBe(false);
  expect(paths['/v1/nodes/{id}/undrain'].post.summary).toContain('in again');
});
