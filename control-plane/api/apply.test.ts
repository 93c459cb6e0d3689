/** POST /v1/apply over real HTTP and a real store. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { platformDocuments, serviceDocuments, startTestApi, type TestApi } from './testing.ts';

let api: TestApi;

beforeAll(async () => {
  api = await startTestApi();
  expect((await api.call('POST', '/v1/apply?set=platform', { body: platformDocuments })).status).toBe(200);
});
afterAll(() => api.close());

const actions = (changes: { action: string; kind: string; name: string }[]) =>
  changes.map(({ action, kind, name }) => `${kind} ${name} ${action}`);

test('one apply is one revision, whatever the order of the documents in it', async () => {
  const before = api.store.documents.revision;
  const [cluster, route] = serviceDocuments('checkout', 'shop.example.com', 'ordered').split('---');
  const applied = await api.call('POST', '/v1/apply', { body: `${route}---${cluster}` });
  expect(applied.status).toBe(200);
  expect(applied.json.revision).toBe(before + 1);
  expect(applied.json.findings).toEqual([]);
  expect(applied.json.changes).toMatchObject([
    { kind: 'Route', tenant: 'checkout', name: 'ordered', action: 'created' },
    { kind: 'Cluster', tenant: 'checkout', name: 'ordered', action: 'created' },
  ]);
  const again = await api.call('POST', '/v1/apply', { body: `${route}---${cluster}` });
  expect(actions(again.json.changes)).toEqual(['Route ordered unchanged', 'Cluster ordered unchanged']);
  expect(again.json.revision).toBe(before + 1);
});

test('a change is shown field by field', async () => {
  const text = serviceDocuments('checkout', 'shop.example.com', 'shown');
  await api.call('POST', '/v1/apply', { body: text });
  const applied = await api.call('POST', '/v1/apply', { body: text.replace('port: 9001', 'port: 9002, weight: 2') });
  expect(applied.json.changes[0]).toMatchObject({
    action: 'updated',
    diff: [
      { path: '/spec/endpoints/0/port', op: 'replace', before: 9001, after: 9002 },
      { path: '/spec/endpoints/0/weight', op: 'add', after: 2 },
    ],
  });
});

test('JSON is taken as one document or as a list', async () => {
  const cluster = {
    kind: 'Cluster',
    name: 'json',
    spec: { protocol: 'http1', endpoints: [{ address: '::1', port: 1 }] },
  };
  expect((await api.call('POST', '/v1/apply', { body: cluster })).json.changes).toHaveLength(1);
  const list = await api.call('POST', '/v1/apply', { body: [cluster, { ...cluster, name: 'json-2' }] });
  expect(actions(list.json.changes)).toEqual(['Cluster json unchanged', 'Cluster json-2 created']);
});

test('a dry run says all that the real one would, and leaves no trace', async () => {
  const { revision } = api.store.documents;
  const body = serviceDocuments('checkout', 'shop.example.com', 'dry');
  const dry = await api.call('POST', '/v1/apply?dryRun=true', { body });
  expect(dry.json).toMatchObject({ dryRun: true, revision });
  expect((await api.call('GET', '/v1/tenants/checkout/routes/dry')).status).toBe(404);
  const real = await api.call('POST', '/v1/apply', { body });
  expect(real.json.changes).toEqual(dry.json.changes);
  expect(real.json.revision).toBe(revision + 1);
});

test('a dry run that changes a cluster says what that does to keys and to panic, however it is asked', async () => {
  const spec = (count: number) => ({
    balance: { policy: 'maglev' },
    endpoints: Array.from({ length: count }, (_, index) => ({ address: `10.9.0.${index + 1}`, port: 80 })),
  });
  const path = '/v1/tenants/checkout/clusters/keyed';
  const created = await api.call('PUT', `${path}?dryRun=true`, { body: { spec: spec(4) } });
  expect(created.json.preview).toMatchObject([{ cluster: 'keyed', tenant: 'checkout', panic: { crosses: false } }]);
  expect((await api.call('PUT', path, { body: { spec: spec(4) } })).json).not.toHaveProperty('preview');
  const document = { kind: 'Cluster', tenant: 'checkout', name: 'keyed', spec: spec(3) };
  const [applied, put, patched] = [
    await api.call('POST', '/v1/apply?dryRun=true', { body: document }),
    await api.call('PUT', `${path}?dryRun=true`, { body: { spec: spec(3) } }),
    await api.call('PATCH', `${path}?dryRun=true`, { body: { spec: { endpoints: spec(3).endpoints } } }),
  ];
  expect(applied.json.preview).toMatchObject([
    {
      movedKeys: expect.stringMatching(/^2\d\.\d%$/),
      skew: { most: { endpoint: expect.stringMatching(/^10\.9\.0\.\d:80$/), load: '100.0%' } },
      panic: { threshold: '50%', priorities: [{ well: 3, mayFail: { before: 2, after: 1 } }] },
    },
  ]);
  expect(put.json.preview).toEqual(applied.json.preview);
  expect(patched.json.preview).toEqual(applied.json.preview);
  expect((await api.call('DELETE', `${path}?dryRun=true`)).json).not.toHaveProperty('preview');
  const unhealthy = { address: '10.9.0.2:80', state: 'unhealthy', ageMs: 0, reason: '' } as const;
  const node = { id: 'n', group: 'edge', userAgent: '', zone: '' };
  api.fleet.healths.reported(node, [{ cluster: 'checkout/keyed', endpoints: [unhealthy], gone: [] }]);
  const reported = await api.call('PUT', `${path}?dryRun=true`, { body: { spec: spec(3) } });
  expect(reported.json.preview).toMatchObject([{ panic: { priorities: [{ endpoints: 3, well: 2 }] } }]);
  const two = [document, { ...document, name: 'keyed-2' }];
  const both = await api.call('POST', '/v1/apply?dryRun=true', { body: two });
  expect(both.json.preview).toMatchObject([
    { cluster: 'keyed', panic: { priorities: [{ well: 2 }] } },
    { cluster: 'keyed-2', panic: { priorities: [{ well: 3 }] } },
  ]);
});

test('prune removes what the same set brought and lacks now, and touches nothing else', async () => {
  const both = `${serviceDocuments('checkout', 'shop.example.com', 'set-a')}---${serviceDocuments('checkout', 'shop.example.com', 'set-b')}`;
  await api.call('POST', '/v1/apply?set=mine', { body: both });
  await api.call('PUT', '/v1/clusters/by-hand', {
    body: 'spec: { protocol: http1, endpoints: [{ address: 127.0.0.1, port: 1 }] }',
  });
  const body = serviceDocuments('checkout', 'shop.example.com', 'set-a');
  const dry = await api.call('POST', '/v1/apply?set=mine&prune=true&dryRun=true', { body });
  const pruned = await api.call('POST', '/v1/apply?set=mine&prune=true', { body });
  expect(pruned.json.changes).toEqual(dry.json.changes);
  expect(actions(pruned.json.changes)).toEqual([
    'Cluster set-a unchanged',
    'Route set-a unchanged',
    'Cluster set-b deleted',
    'Route set-b deleted',
  ]);
  for (const path of ['/v1/clusters/by-hand', '/v1/listeners/public', '/v1/tenants/checkout/routes/set-a']) {
    expect((await api.call('GET', path)).status).toBe(200);
  }
});

test('a tenant prunes its own sets only, even where another calls its set the same', async () => {
  const editor = await api.tokenFor('tenant:payments:editor');
  await api.call('POST', '/v1/apply?set=team', { body: serviceDocuments('checkout', 'shop.example.com', 'team-a') });
  const own = serviceDocuments('payments', 'pay.example.com', 'team-a');
  await api.call('POST', '/v1/apply?set=team', { body: own, token: editor });
  const emptied = await api.call('POST', '/v1/apply?set=team&prune=true', { body: '---', token: editor });
  expect(emptied.json).toMatchObject({ changes: [{ tenant: 'payments' }, { tenant: 'payments' }] });
  expect((await api.call('GET', '/v1/tenants/checkout/routes/team-a')).status).toBe(200);
});

test('delete=true removes what the body names, whatever else it says, in one revision and in any order', async () => {
  const body = serviceDocuments('checkout', 'shop.example.com', 'short-lived');
  await api.call('POST', '/v1/apply', { body });
  const { revision } = api.store.documents;
  const names = '{kind: Cluster, tenant: checkout, name: short-lived}';
  const refused = await api.call('POST', '/v1/apply?delete=true', { body: `{kind: Tenant, name: x}\n---\n${names}` });
  expect(refused.status).toBe(409);
  expect(refused.problem.problems).toMatchObject([{ index: 1, pointer: '/1', code: 'in-use' }]);
  const all = `${names}\n---\n{kind: Route, tenant: checkout, name: short-lived, spec: old}\n---\n{kind: Tenant, name: x}`;
  const dry = await api.call('POST', '/v1/apply?delete=true&dryRun=true', { body: all });
  const deleted = await api.call('POST', '/v1/apply?delete=true', { body: all });
  expect(deleted.json.changes).toEqual(dry.json.changes);
  expect(actions(deleted.json.changes)).toEqual([
    'Cluster short-lived deleted',
    'Route short-lived deleted',
    'Tenant x unchanged',
  ]);
  expect(deleted.json.revision).toBe(revision + 1);
  const editor = await api.tokenFor('tenant:payments:editor');
  expect((await api.call('POST', '/v1/apply?delete=true', { body: names, token: editor })).status).toBe(403);
  expect((await api.call('POST', '/v1/apply?delete=true&prune=true', { body: names })).status).toBe(400);
  expect((await api.call('POST', '/v1/apply?delete=true', { body: 'kind: Nobody' })).status).toBe(422);
});

test('every problem of every document is told at once, at its place, and nothing is written', async () => {
  const { revision } = api.store.documents;
  const refused = await api.call('POST', '/v1/apply', {
    body: `${serviceDocuments('checkout', 'shop.example.com', 'fine')}---
kind: Route
tenant: checkout
name: bad
spec: { hosts: [shop.example.com], to: [{ cluster: fine, wait: 3 }], timeout: soon }
---
kind: Rout
name: worse
spec: {}`,
  });
  expect(refused.status).toBe(422);
  const places = refused.problem.problems?.map(({ pointer, index, code }) => ({ pointer, index, code }));
  expect(places).toContainEqual({ pointer: '/2/spec/to/0/wait', index: 2, code: 'unknown-field' });
  expect(places).toContainEqual({ pointer: '/2/spec/timeout', index: 2, code: 'invalid' });
  expect(places).toContainEqual({ pointer: '/3/kind', index: 3, code: 'unknown-kind' });
  expect(api.store.documents.revision).toBe(revision);
  expect((await api.call('GET', '/v1/tenants/checkout/clusters/fine')).status).toBe(404);
});

test('malformed YAML is a 400 that says line and column', async () => {
  const refused = await api.call('POST', '/v1/apply', { body: 'kind: Route\nname: [x\nspec: {}\n' });
  expect(refused.status).toBe(400);
  expect(refused.problem.detail).toMatch(/Line \d+, column \d+/);
});

test('a reference to nothing is refused where it stands, with what was probably meant', async () => {
  const body = serviceDocuments('checkout', 'shop.example.com', 'dangling').replace(
    'cluster: dangling',
    'cluster: dangeling',
  );
  const refused = await api.call('POST', '/v1/apply', { body });
  expect(refused.status).toBe(422);
  expect(refused.problem.problems).toMatchObject([
    {
      index: 1,
      pointer: '/1/spec/to/0/cluster',
      code: 'missing-reference',
      document: { kind: 'Route', name: 'dangling' },
    },
  ]);
  expect(refused.problem.problems?.[0]?.remedy).toContain('dangling');
});

test('two listeners of one group on one port are a conflict', async () => {
  const refused = await api.call('POST', '/v1/apply', {
    body: 'kind: Listener\nname: second\nspec: { groups: [edge], address: 127.0.0.1, port: 8081, protocol: http }',
  });
  expect(refused.status).toBe(409);
  expect(refused.problem.problems).toMatchObject([{ pointer: '/0/spec/port', code: 'conflict' }]);
});

test('one document twice in one file is refused, at the second', async () => {
  const body = serviceDocuments('checkout', 'shop.example.com', 'twice');
  const refused = await api.call('POST', '/v1/apply', { body: `${body}---${body}` });
  expect(refused.status).toBe(422);
  expect(refused.problem.problems?.map(({ index }) => index)).toEqual([2, 3]);
});

test('an apply with one document that the token may not write is refused whole', async () => {
  const editor = await api.tokenFor('tenant:payments:editor');
  const body = `${serviceDocuments('payments', 'pay.example.com', 'mixed')}---${serviceDocuments('checkout', 'shop.example.com', 'mixed')}`;
  const refused = await api.call('POST', '/v1/apply', { body, token: editor });
  expect(refused.status).toBe(403);
  expect(refused.problem.detail).toContain('Cluster checkout/mixed');
  expect(refused.problem.detail).toContain('tenant:checkout:editor');
  expect((await api.call('GET', '/v1/tenants/payments/routes/mixed')).status).toBe(404);
});

test('the query is checked: a misspelt dry run does not write', async () => {
  const { revision } = api.store.documents;
  const body = serviceDocuments('checkout', 'shop.example.com', 'misspelt');
  const refused = await api.call('POST', '/v1/apply?dryrun=true', { body });
  expect(refused.status).toBe(400);
  expect(refused.problem.detail).toContain('"dryRun"');
  expect((await api.call('POST', '/v1/apply?set=Not%20A%20Set', { body })).status).toBe(400);
  expect(api.store.documents.revision).toBe(revision);
});

test('the author of a write is the token that made it', async () => {
  const editor = await api.tokenFor('tenant:checkout:editor');
  await api.call('POST', '/v1/apply', {
    body: serviceDocuments('checkout', 'shop.example.com', 'signed'),
    token: editor,
  });
  const { json } = await api.call('GET', '/v1/tenants/checkout/routes/signed');
  expect(json.updatedBy).toMatch(/^tenant:checkout:editor \(.+\)$/);
});

test('what a group is served follows a write, and its rollout says so', async () => {
  const applied = await api.call('POST', '/v1/apply', {
    body: serviceDocuments('checkout', 'shop.example.com', 'served'),
  });
  const { revision } = applied.json;
  await expect
    .poll(async () => (await api.call('GET', `/v1/rollouts/${revision}`)).json, { interval: 10 })
    .toMatchObject({ state: 'complete', groups: [{ group: 'edge', state: 'complete', nodes: { connected: 0 } }] });
  const served = await api.call('GET', '/v1/xds/edge');
  expect(served.json).toMatchObject({ group: 'edge', revision });
  expect(served.json.clusters.map((cluster: { name: string }) => cluster.name)).toContain('checkout/served');
  expect((await api.call('GET', '/v1/xds/nowhere')).problem.detail).toContain('edge');
  expect((await api.call('GET', `/v1/rollouts/${revision + 1}`)).status).toBe(404);
});
