/** One document at a time, over real HTTP and a real store. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { platformDocuments, serviceDocuments, startTestApi, type TestApi } from './testing.ts';

let api: TestApi;

beforeAll(async () => {
  api = await startTestApi();
  const applied = await api.call('POST', '/v1/apply', {
    body: `${platformDocuments}---${serviceDocuments('checkout', 'shop.example.com')}`,
  });
  expect(applied.status).toBe(200);
});
afterAll(() => api.close());

const clusterPath = '/v1/tenants/checkout/clusters';
const clusterSpec = (port: number) => ({ spec: { protocol: 'http1', endpoints: [{ address: '127.0.0.1', port }] } });

test('PUT creates with 201 and a place, replaces with 200, and takes no revision for the same again', async () => {
  const path = `${clusterPath}/put`;
  const created = await api.call('PUT', path, { body: clusterSpec(1) });
  expect(created.status).toBe(201);
  expect(created.headers.get('location')).toBe(path);
  expect(created.json).toMatchObject({ kind: 'Cluster', tenant: 'checkout', name: 'put', ...clusterSpec(1) });
  expect(created.headers.get('etag')).toBe(`"${created.json.revision}"`);

  const replaced = await api.call('PUT', path, { body: clusterSpec(2) });
  expect(replaced.status).toBe(200);
  expect(replaced.json.revision).toBe(created.json.revision + 1);
  expect(replaced.json.createdAt).toBe(created.json.createdAt);

  const same = await api.call('PUT', path, { body: clusterSpec(2) });
  expect(same.status).toBe(200);
  expect(same.json.revision).toBe(replaced.json.revision);
  expect(api.store.documents.revision).toBe(replaced.json.revision);
});

test('what was read can be written back as it is, as YAML or JSON', async () => {
  const read = await api.call('GET', '/v1/tenants/checkout/routes/orders');
  const written = await api.call('PUT', '/v1/tenants/checkout/routes/orders', { body: read.json });
  expect(written.status).toBe(200);
  expect(written.json.revision).toBe(read.json.revision);
  const asYaml = await api.call('PUT', '/v1/tenants/checkout/routes/orders', { body: read.text, type: 'text/yaml' });
  expect(asYaml.status).toBe(200);
});

test('the body may leave out what the path says, and may not contradict it', async () => {
  const body = { kind: 'Route', tenant: 'payments', name: 'other', ...clusterSpec(1) };
  const refused = await api.call('PUT', `${clusterPath}/mine`, { body });
  expect(refused.status).toBe(422);
  expect(refused.problem.problems?.map(({ pointer }) => pointer)).toEqual(['/kind', '/name', '/tenant']);
  expect((await api.call('GET', `${clusterPath}/mine`)).status).toBe(404);
  const platform = await api.call('PUT', '/v1/clusters/mine', { body: { tenant: 'checkout', ...clusterSpec(1) } });
  expect(platform.problem.problems?.[0]?.detail).toContain('the path says no tenant');
});

test('a platform document and a tenant document of one kind and name are two', async () => {
  await api.call('PUT', '/v1/clusters/twin', { body: clusterSpec(1) });
  await api.call('PUT', `${clusterPath}/twin`, { body: clusterSpec(2) });
  expect((await api.call('GET', '/v1/clusters/twin')).json.tenant).toBeUndefined();
  expect((await api.call('GET', `${clusterPath}/twin`)).json.spec).toEqual(clusterSpec(2).spec);
});

test('If-Match guards a write against what came between, If-None-Match: * against what is there', async () => {
  const path = `${clusterPath}/guarded`;
  const first = await api.call('PUT', path, { body: clusterSpec(1), headers: { 'if-none-match': '*' } });
  expect(first.status).toBe(201);
  const etag = first.headers.get('etag')!;
  expect((await api.call('PUT', path, { body: clusterSpec(2), headers: { 'if-none-match': '*' } })).status).toBe(412);
  expect((await api.call('PUT', path, { body: clusterSpec(2), headers: { 'if-match': etag } })).status).toBe(200);
  const late = await api.call('PUT', path, { body: clusterSpec(3), headers: { 'if-match': etag } });
  expect(late.status).toBe(412);
  expect(late.headers.get('etag')).not.toBe(etag);
  expect((await api.call('PATCH', path, { body: clusterSpec(3), headers: { 'if-match': etag } })).status).toBe(412);
  expect((await api.call('DELETE', path, { headers: { 'if-match': etag } })).status).toBe(412);
  expect((await api.call('GET', path)).json.spec).toEqual(clusterSpec(2).spec);
});

test('a GET with the current ETag is a 304 without a body', async () => {
  const first = await api.call('GET', '/v1/listeners/public');
  const again = await api.call('GET', '/v1/listeners/public', {
    headers: { 'if-none-match': first.headers.get('etag')! },
  });
  expect(again.status).toBe(304);
  expect(again.text).toBe('');
});

test('PATCH merges: a field changes, null removes, the rest stays', async () => {
  const path = '/v1/tenants/checkout/routes/patched';
  await api.call('PUT', path, {
    body: {
      labels: { app: 'a', tier: 'b' },
      spec: { hosts: ['shop.example.com'], match: { path: { prefix: '/p' } }, to: [{ cluster: 'orders' }] },
    },
  });
  const patched = await api.call('PATCH', path, {
    type: 'application/merge-patch+json',
    body: { labels: { tier: null }, spec: { timeout: '5s' } },
  });
  expect(patched.status).toBe(200);
  expect(patched.json.labels).toEqual({ app: 'a' });
  expect(patched.json.spec).toMatchObject({ timeout: '5s', hosts: ['shop.example.com'] });
  expect((await api.call('PATCH', path, { body: { name: 'other' } })).status).toBe(422);
  expect((await api.call('PATCH', path, { body: { spec: { timeout: 'soon' } } })).problem.problems?.[0]).toMatchObject({
    pointer: '/spec/timeout',
  });
  expect((await api.call('PATCH', '/v1/tenants/checkout/routes/nobody', { body: {} })).status).toBe(404);
});

test('DELETE answers the revision, is a 404 the second time, and a 409 while another document names it', async () => {
  const named = await api.call('DELETE', `${clusterPath}/orders`);
  expect(named.status).toBe(409);
  expect(named.problem.detail).toContain('Route checkout/orders');
  await api.call('PUT', `${clusterPath}/gone`, { body: clusterSpec(1) });
  const gone = await api.call('DELETE', `${clusterPath}/gone`);
  expect(gone.status).toBe(200);
  expect(gone.json).toMatchObject({ revision: api.store.documents.revision, changes: [{ action: 'deleted' }] });
  expect((await api.call('DELETE', `${clusterPath}/gone`)).status).toBe(404);
});

test('a dry run of PUT, PATCH and DELETE says what would happen and changes nothing', async () => {
  const { revision } = api.store.documents;
  const put = await api.call('PUT', `${clusterPath}/dry?dryRun=true`, { body: clusterSpec(1) });
  expect(put.json).toMatchObject({ dryRun: true, revision, changes: [{ action: 'created' }], findings: [] });
  const patch = await api.call('PATCH', `${clusterPath}/orders?dryRun=true`, { body: clusterSpec(7) });
  expect(patch.json.changes[0].diff).toEqual([
    { path: '/spec/endpoints/0/port', op: 'replace', before: 9001, after: 7 },
  ]);
  const deleted = await api.call('DELETE', `/v1/tenants/checkout/routes/orders?dryRun`);
  expect(deleted.json.changes[0].action).toBe('deleted');
  const refused = await api.call('DELETE', `${clusterPath}/orders?dryRun=true`);
  expect(refused.status).toBe(409);
  expect(api.store.documents.revision).toBe(revision);
});

test.each([
  ['syntax', '{"spec": ', 'application/json', 400, ''],
  ['syntax of YAML', 'spec: [', 'application/yaml', 400, ''],
  ['no body', '', 'application/yaml', 400, undefined],
  ['a list', '[]', 'application/json', 422, ''],
  ['a text', 'hello', 'application/yaml', 422, ''],
  ['an unknown field', '{"spec": {"protocoll": "http1"}}', 'application/json', 422, '/spec/protocoll'],
  [
    'a field of a later release',
    '{"spec": {"tls": {"sni": "a.b"}, "endpoints": []}}',
    'application/json',
    422,
    '/spec/tls',
  ],
])('%s is refused with a problem document that points at it', async (_what, body, type, status, pointer) => {
  const { revision } = api.store.documents;
  const refused = await api.call('PUT', `${clusterPath}/bad`, { body, type });
  expect(refused.status).toBe(status);
  expect(refused.headers.get('content-type')).toContain('application/problem+json');
  expect(refused.problem).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) });
  if (pointer !== undefined) {
    expect(refused.problem.problems?.map((problem) => problem.pointer)).toContain(pointer);
    for (const problem of refused.problem.problems ?? []) expect(problem.remedy).not.toBe('');
  }
  expect(api.store.documents.revision).toBe(revision);
});

test('a name that cannot be is refused at the name', async () => {
  const refused = await api.call('PUT', '/v1/clusters/Not_A_Name', { body: clusterSpec(1) });
  expect(refused.status).toBe(422);
  expect(refused.problem.problems?.[0]?.pointer).toBe('/name');
});

test('kinds that the platform alone owns have no path under a tenant, and none of its own owner is 404', async () => {
  expect((await api.call('GET', '/v1/tenants/checkout/listeners')).status).toBe(404);
  expect((await api.call('GET', '/v1/tenants/nobody/routes')).problem.detail).toContain('There is no Tenant nobody');
  expect((await api.call('GET', '/v1/tenants/checkout')).json.kind).toBe('Tenant');
});

test('every spelling of a plural leads to the same list', async () => {
  const lists = await Promise.all(
    ['nodegroups', 'node-groups', 'nodeGroups', 'NodeGroups'].map((word) => api.call('GET', `/v1/${word}`)),
  );
  for (const list of lists) expect(list.json).toEqual(lists[0]!.json);
});

test('lists come in one order, page by page, each document once', async () => {
  for (const name of ['list-b', 'list-a', 'list-c']) {
    await api.call('PUT', `/v1/clusters/${name}`, { body: { labels: { listed: 'yes' }, ...clusterSpec(1) } });
    await api.call('PUT', `${clusterPath}/${name}`, { body: { labels: { listed: 'yes' }, ...clusterSpec(1) } });
  }
  const names: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await api.call('GET', `/v1/clusters?label=listed=yes&limit=4${cursor ? `&cursor=${cursor}` : ''}`);
    names.push(
      ...page.json.items.map((item: { tenant?: string; name: string }) => `${item.tenant ?? ''}/${item.name}`),
    );
    cursor = page.json.cursor;
    expect(page.headers.get('link') === null).toBe(cursor === null);
  } while (cursor !== null);
  expect(names).toEqual(['/list-a', '/list-b', '/list-c', 'checkout/list-a', 'checkout/list-b', 'checkout/list-c']);
  expect((await api.call('GET', `${clusterPath}?label=listed`)).json.items).toHaveLength(3);
  expect((await api.call('GET', '/v1/clusters?cursor=nonsense')).status).toBe(400);
});

test('a health policy shows how long a dead endpoint may go unnoticed', async () => {
  const policy = await api.call('PUT', '/v1/tenants/checkout/healthpolicies/slow', {
    body: 'spec: { active: { tcp: {}, interval: 5s, timeout: 2s, unhealthyAfter: 3, healthyAfter: 2, jitter: 0% } }',
  });
  const detectionTime = { crash: '17s', hang: '21s' };
  expect(policy.json.status).toEqual({ detectionTime });
  const body = 'spec: { endpoints: [{ address: 127.0.0.1, port: 9001 }], health: slow }';
  await api.call('PUT', '/v1/tenants/checkout/clusters/watched', { body });
  const cluster = await api.call('GET', '/v1/tenants/checkout/clusters/watched');
  expect(cluster.json.status).toEqual({ detectionTime, nodes: 0, endpoints: [] });
});

test('two writers of one document at once: one revision each, and the last one stands', async () => {
  const answers = await Promise.all(
    [1, 2, 3, 4].map((port) => api.call('PUT', `${clusterPath}/raced`, { body: clusterSpec(port) })),
  );
  const revisions = answers.map(({ json }) => json.revision).sort((a, b) => a - b);
  expect(new Set(revisions).size).toBe(4);
  const last = answers.find(({ json }) => json.revision === revisions.at(-1))!;
  const now = await api.call('GET', `${clusterPath}/raced`);
  expect(now.json.spec).toEqual(last.json.spec);
});
