/** xDS by single requests: case A18 of xds-server-cases.md. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { platformDocuments, serviceDocuments, startTestApi, type TestApi } from './testing.ts';

const paths = ['clusters', 'endpoints', 'listeners', 'routes'].map((type) => `/v3/discovery:${type}`);
const node = { id: 'n1', cluster: 'edge' };

let api: TestApi;
let token: string;

beforeAll(async () => {
  api = await startTestApi();
  const orders = serviceDocuments('checkout', 'shop.example.com');
  const ledger = serviceDocuments('payments', 'pay.example.com', 'ledger');
  const body = `${platformDocuments}---${orders}---${ledger}`;
  const served = published();
  expect((await api.call('POST', '/v1/apply', { body })).status).toBe(200);
  await served;
  token = await api.tokenFor('node:edge');
});
afterAll(() => api.close());

function published(): Promise<void> {
  return new Promise((resolve) => {
    const stop = api.publisher.onPublished(() => {
      stop();
      resolve();
    });
  });
}

const ask = (path: string, body?: object | string, type = 'application/json') =>
  api.call('POST', path, { token, ...(body !== undefined && { body, type }) });

test.each(paths)('A18. %s: resources with proto field names, then 304 until they change', async (path) => {
  const first = await ask(path, { node });
  expect(first.status).toBe(200);
  expect(first.headers.get('content-type')).toContain('application/json');
  const { version_info, type_url, resources } = first.json;
  expect(version_info).not.toBe('');
  expect(resources.length).toBeGreaterThan(0);
  for (const resource of resources) expect(resource['@type']).toBe(type_url);
  expect(first.text).not.toMatch(/"(clusterName|connectTimeout|virtualHosts|filterChains)"/);
  expect(await ask(path, { node, version_info })).toMatchObject({ status: 304, text: '' });
  expect(await ask(path, { node, versionInfo: version_info, resource_names: ['*'] })).toMatchObject({ status: 304 });
  expect((await ask(path, { node, version_info: 'older' })).json).toEqual(first.json);
});

test('A18. names bring what they name, once each, under a version of theirs', async () => {
  const path = '/v3/discovery:clusters';
  const all = await ask(path, { node });
  const [first] = all.json.resources;
  const one = await ask(path, { node, resource_names: [first.name, first.name, 'nobody'] });
  expect(one.json.resources).toEqual([first]);
  const { version_info } = one.json;
  expect((await ask(path, { node, resourceNames: [first.name], version_info })).status).toBe(304);
  const names = all.json.resources.map(({ name }: { name: string }) => name);
  expect((await ask(path, { node, resource_names: names, version_info })).json.resources).toEqual(all.json.resources);
});

test('A18. a change is a new version', async () => {
  const path = '/v3/discovery:endpoints';
  const { version_info } = (await ask(path, { node })).json;
  const changed = published();
  const body = serviceDocuments('checkout', 'shop.example.com').replace('9001', '9002');
  await api.call('POST', '/v1/apply', { body });
  await changed;
  const after = await ask(path, { node, version_info });
  expect(after.status).toBe(200);
  expect(after.text).toContain('9002');
});

test.each([
  ['an empty body', undefined],
  ['an empty text', ''],
  ['no JSON', 'node: { id: n1 }'],
  ['half of JSON', '{"node":'],
  ['JSON that is no object', '[]'],
  ['names that are no list', '{"resource_names": "a"}'],
  ['another type', '{"type_url": "type.googleapis.com/envoy.config.listener.v3.Listener"}'],
])('A18. %s is a 400, whatever its content type', async (_what, body) => {
  for (const type of ['application/json', 'text/plain', 'application/x-protobuf']) {
    expect((await ask('/v3/discovery:clusters', body, type)).status).toBe(400);
  }
});

test('A18. an unknown path is a 404 that lists the known ones; a group that is served nothing a 500', async () => {
  for (const path of ['/v3/discovery:nothing', '/v3/discovery', '/v3/clusters', '/v2/discovery:clusters']) {
    const { status, problem } = await ask(path, { node });
    expect([path, status]).toEqual([path, 404]);
    if (path.startsWith('/v3')) expect(problem.detail).toContain('/v3/discovery:clusters');
  }
  const unserved = { token: await api.tokenFor('node:nobody'), body: { node: { cluster: 'nobody' } } };
  const { status, problem } = await api.call('POST', '/v3/discovery:clusters', unserved);
  expect(status).toBe(500);
  expect(problem.detail).toContain('group nobody');
});

test('A18. a node asks for its own group, an administrator for any', async () => {
  expect((await ask('/v3/discovery:clusters', {})).status).toBe(200);
  expect((await ask('/v3/discovery:clusters', { node: { cluster: 'other' } })).status).toBe(403);
  expect((await api.call('POST', '/v3/discovery:clusters', { body: { node } })).status).toBe(200);
  expect((await api.call('POST', '/v3/discovery:clusters', { body: {} })).status).toBe(400);
});
