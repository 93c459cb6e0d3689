/** The load and the health that nodes report, seen through REST by those who may. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { platformDocuments, serviceDocuments, startTestApi, type TestApi } from './testing.ts';

let api: TestApi;
const node = { id: 'n1', group: 'edge', userAgent: 'envoy 1.40.0', zone: '' };
const locality = { region: '', zone: 'a', subZone: '', issued: 7, successful: 6, errors: 1, inProgress: 0 };

beforeAll(async () => {
  api = await startTestApi();
  const documents = [
    platformDocuments,
    serviceDocuments('checkout', 'shop.example.com'),
    serviceDocuments('payments', 'pay.example.com'),
    'kind: Cluster\nname: web\nspec: { endpoints: [{ address: 127.0.0.1, port: 9001 }] }',
  ].join('\n---\n');
  expect((await api.call('POST', '/v1/apply', { body: documents })).status).toBe(200);
  api.fleet.opened({
    streamId: 1,
    node,
    variant: 'delta',
    service: 'ads',
    hostsApart: false,
    takesTtl: false,
    peer: '127.0.0.1:5000',
  });
  const clusters = ['checkout/orders', 'payments/orders', 'web'].map((cluster) => ({
    cluster,
    dropped: 0,
    localities: [locality],
  }));
  api.fleet.loads.reported(node, { intervalMs: 10_000, clusters });
  const endpoints = [
    { address: '127.0.0.1:9001', state: 'healthy', ageMs: 0, reason: '' },
    { address: '127.0.0.1:9002', state: 'unhealthy', ageMs: 0, reason: 'health check: status 503' },
  ] as const;
  const reports = ['checkout/orders', 'payments/orders', 'web'].map((cluster) => ({ cluster, endpoints, gone: [] }));
  api.fleet.healths.reported(node, reports);
});
afterAll(() => api.close());

test('the platform sees every cluster; a tenant its own; a node none', async () => {
  const seen = async (role: string): Promise<unknown> => {
    const { json } = await api.call('GET', '/v1/load', { token: await api.tokenFor(role) });
    return json.items?.map(({ tenant = '', name }: { tenant?: string; name: string }) => `${tenant}/${name}`);
  };
  expect(await seen('platform')).toEqual(['checkout/orders', 'payments/orders', '/web']);
  expect(await seen('network')).toEqual(['/web']);
  expect(await seen('tenant:checkout:viewer')).toEqual(['checkout/orders']);
  expect(await seen('node:edge')).toBeUndefined();
});

test('one cluster has its load by locality', async () => {
  const token = await api.tokenFor('tenant:checkout:viewer');
  const { status, json } = await api.call('GET', '/v1/tenants/checkout/clusters/orders/load', { token });
  expect(status).toBe(200);
  expect(json).toEqual({
    tenant: 'checkout',
    name: 'orders',
    nodes: 1,
    issued: 7,
    successful: 6,
    errors: 1,
    inProgress: 0,
    dropped: 0,
    localities: [locality],
  });
  expect((await api.call('GET', '/v1/clusters/web/load')).json).toMatchObject({ name: 'web', issued: 7 });
  const other = '/v1/tenants/payments/clusters/orders/load';
  expect((await api.call('GET', other, { token })).status).toBe(403);
  const missing = await api.call('GET', '/v1/tenants/checkout/clusters/nothing/load', { token });
  expect(missing.status).toBe(404);
  expect(missing.problem.detail).toContain('GET /v1/load');
});

test('a node shows the load that it reports', async () => {
  const { json } = await api.call('GET', '/v1/nodes/n1');
  expect(json.load.map(({ issued }: { issued: number }) => issued)).toEqual([7, 7, 7]);
});

test('the reference describes it', async () => {
  const { json } = await api.call('GET', '/docs/json');
  for (const path of ['/v1/load', '/v1/clusters/{name}/load', '/v1/tenants/{tenant}/clusters/{name}/load']) {
    expect(json.paths[path].get.summary).toContain('load');
  }
});

test('endpoints that are not healthy are seen by those who may read their cluster', async () => {
  const seen = async (role: string): Promise<unknown> => {
    const { json } = await api.call('GET', '/v1/health', { token: await api.tokenFor(role) });
    return json.items?.map(({ tenant = '', name }: { tenant?: string; name: string }) => `${tenant}/${name}`);
  };
  expect(await seen('platform')).toEqual(['checkout/orders', 'payments/orders', '/web']);
  expect(await seen('tenant:checkout:viewer')).toEqual(['checkout/orders']);
  expect(await seen('node:edge')).toBeUndefined();
  const { json } = await api.call('GET', '/v1/health', { token: await api.tokenFor('tenant:checkout:viewer') });
  const unhealthy = { nodes: 1, since: expect.stringMatching(/Z$/), reason: 'health check: status 503' };
  expect(json.items).toEqual([
    {
      tenant: 'checkout',
      name: 'orders',
      nodes: 1,
      endpoints: [{ endpoint: '127.0.0.1:9002', states: { unhealthy } }],
    },
  ]);
});

test('a cluster shows in its status how many nodes see which endpoint in which state', async () => {
  const path = '/v1/tenants/checkout/clusters/orders';
  const { json } = await api.call('GET', path, { token: await api.tokenFor('tenant:checkout:viewer') });
  expect(json.status).toMatchObject({
    nodes: 1,
    endpoints: [
      { endpoint: '127.0.0.1:9001', states: { healthy: { nodes: 1 } } },
      { endpoint: '127.0.0.1:9002', states: { unhealthy: { nodes: 1 } } },
    ],
  });
});

test('a node shows the states that it reports', async () => {
  const { json } = await api.call('GET', '/v1/nodes/n1');
  expect(json.health).toHaveLength(3);
  expect(json.health[0]).toMatchObject({
    tenant: 'checkout',
    endpoints: [{ state: 'healthy' }, { endpoint: '127.0.0.1:9002', state: 'unhealthy' }],
  });
});
