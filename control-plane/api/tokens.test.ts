/** Tokens over real HTTP and a real store. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { platformDocuments, startTestApi, type TestApi } from './testing.ts';

let api: TestApi;

beforeAll(async () => {
  api = await startTestApi();
  await api.call('POST', '/v1/apply', { body: platformDocuments });
});
afterAll(() => api.close());

test('a token works at once, is shown once, and is listed without its secret', async () => {
  const made = await api.call('POST', '/v1/tokens', { body: { role: 'platform', name: 'ci' } });
  expect(made.status).toBe(201);
  const { token, id } = made.json;
  expect(made.json).toMatchObject({ role: 'platform', name: 'ci', expiresAt: '2027-02-19T12:00:00.000Z' });
  expect(made.headers.get('location')).toBe(`/v1/tokens/${id}`);
  expect((await api.call('GET', '/v1/nodes', { token })).status).toBe(200);
  const listed = await api.call('GET', '/v1/tokens');
  expect(listed.json.items).toContainEqual(
    expect.objectContaining({ id, role: 'platform', name: 'ci', expired: false }),
  );
  expect(listed.text).not.toContain(token);
  const shown = await api.call('GET', made.headers.get('location')!);
  expect(shown.json).toMatchObject({ id, role: 'platform', name: 'ci' });
  expect(shown.text).not.toContain(token);
  expect(api.log.join('')).not.toContain(token);
});

test('a revoked token is refused from the next request on', async () => {
  const { json } = await api.call('POST', '/v1/tokens', { body: { role: 'platform' } });
  expect((await api.call('GET', '/v1/nodes', { token: json.token })).status).toBe(200);
  expect((await api.call('DELETE', `/v1/tokens/${json.id}`)).status).toBe(204);
  const refused = await api.call('GET', '/v1/nodes', { token: json.token });
  expect(refused.status).toBe(401);
  expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token"');
  expect((await api.call('DELETE', `/v1/tokens/${json.id}`)).status).toBe(404);
});

test('a revocation that another replica made holds here after two seconds', async () => {
  const { json } = await api.call('POST', '/v1/tokens', { body: { role: 'platform' } });
  expect((await api.call('GET', '/v1/nodes', { token: json.token })).status).toBe(200);
  await api.store.tokens.revoke(json.id);
  expect((await api.call('GET', '/v1/nodes', { token: json.token })).status).toBe(200);
  api.clock.ms += 2_000;
  expect((await api.call('GET', '/v1/nodes', { token: json.token })).status).toBe(401);
});

test('a token ends when it said it would', async () => {
  const { json } = await api.call('POST', '/v1/tokens', { body: { role: 'platform', expiresIn: '1m' } });
  api.clock.ms += 59_000;
  expect((await api.call('GET', '/v1/nodes', { token: json.token })).status).toBe(200);
  api.clock.ms += 1_000;
  expect((await api.call('GET', '/v1/nodes', { token: json.token })).status).toBe(401);
});

test.each([
  [{ role: 'root' }, '/role'],
  [{}, '/role'],
  [{ role: 'platform', expiresIn: '2161h' }, '/expiresIn'],
  [{ role: 'platform', expiresIn: '0s' }, '/expiresIn'],
  [{ role: 'platform', expiresIn: 'soon' }, '/expiresIn'],
  [{ role: 'platform', expiresIn: '' }, '/expiresIn'],
  [{ role: 'platform', tenant: 'x' }, '/tenant'],
])('the request %j is refused at %s', async (body, pointer) => {
  const refused = await api.call('POST', '/v1/tokens', { body });
  expect(refused.status).toBe(422);
  expect(refused.problem.problems?.map((problem) => problem.pointer)).toEqual([pointer]);
});

test('the platform makes no administrators and revokes none', async () => {
  const platform = await api.tokenFor('platform');
  const made = await api.call('POST', '/v1/tokens', { body: { role: 'admin' }, token: platform });
  expect(made.status).toBe(403);
  const admin = await api.call('POST', '/v1/tokens', { body: { role: 'admin' } });
  expect((await api.call('DELETE', `/v1/tokens/${admin.json.id}`, { token: platform })).status).toBe(403);
  expect((await api.call('GET', '/v1/tokens', { token: admin.json.token })).status).toBe(200);
  expect((await api.call('POST', '/v1/tokens', { body: { role: 'network' }, token: platform })).status).toBe(201);
});

test("gRPC's bootstrap file holds a token of the group, and only what it knows is asked for", async () => {
  const made = await api.call('POST', '/v1/bootstrap/grpc', { body: { group: 'edge', id: 'g1', xds: '[::1]:7' } });
  expect(made.status).toBe(201);
  expect(made.headers.get('content-type')).toContain('application/json');
  const token: string = made.json.node.metadata['fairlead.token'];
  expect(made.json).toMatchObject({ xds_servers: [{ server_uri: '[::1]:7' }], node: { id: 'g1', cluster: 'edge' } });
  expect((await api.call('GET', '/v1/nodes', { token })).status).toBe(403);
  expect((await api.call('POST', '/v1/bootstrap/grpc', { body: { group: 'edgy' } })).status).toBe(404);
  const bad = await api.call('POST', '/v1/bootstrap/grpc', { body: { group: 'edge', adminPort: 1 } });
  expect(bad.status).toBe(422);
});

test('a bootstrap for TLS names the files of its machine, and with a client certificate no token is made', async () => {
  const files = { xdsCa: '/etc/fairlead/ca.pem', xdsCert: '/etc/fairlead/n.pem', xdsKey: '/etc/fairlead/n.key' };
  const tokens = async () => (await api.call('GET', '/v1/tokens')).json.items.length as number;
  const before = await tokens();
  const envoy = await api.call('POST', '/v1/bootstrap/envoy', { body: { group: 'edge', id: 'e2', ...files } });
  expect(envoy.status).toBe(201);
  for (const file of Object.values(files)) expect(envoy.text).toContain(`filename: ${file}\n`);
  expect(envoy.text).not.toContain('authorization');
  const grpc = await api.call('POST', '/v1/bootstrap/grpc', { body: { group: 'edge', ...files } });
  expect(grpc.json.xds_servers[0].channel_creds[0].config.certificate_file).toBe(files.xdsCert);
  expect(grpc.json.node.metadata).toBeUndefined();
  expect(await tokens()).toBe(before);
  const { xdsCa, xdsCert, xdsKey } = files;
  const withToken = await api.call('POST', '/v1/bootstrap/envoy', { body: { group: 'edge', xdsCa } });
  expect(withToken.text).toMatch(/Bearer fl_\S+/);
  for (const [body, pointer] of [
    [{ xdsCa, xdsCert }, '/xdsKey'],
    [{ xdsCa, xdsKey }, '/xdsCert'],
    [{ xdsCert, xdsKey }, '/xdsCa'],
    [{ xdsCa: '' }, '/xdsCa'],
  ] as const) {
    const refused = await api.call('POST', '/v1/bootstrap/grpc', { body: { group: 'edge', ...body } });
    expect(refused.problem.problems?.map((problem) => problem.pointer)).toEqual([pointer]);
  }
});

test('a bootstrap file holds a token of the group that works, and only for a group that exists', async () => {
  const made = await api.call('POST', '/v1/bootstrap/envoy', { body: { group: 'edge', id: 'e1', variant: 'sotw' } });
  expect(made.status).toBe(201);
  expect(made.headers.get('content-type')).toContain('application/yaml');
  expect(made.text).toContain('api_type: GRPC\n');
  const token = /Bearer (fl_\S+)/.exec(made.text)?.[1];
  const listed = await api.call('GET', '/v1/tokens');
  expect(listed.json.items).toContainEqual(expect.objectContaining({ name: 'envoy e1', role: 'node:edge' }));
  expect((await api.call('GET', '/v1/nodes', { token: token! })).status).toBe(403);
  const nowhere = await api.call('POST', '/v1/bootstrap/envoy', { body: { group: 'edgy' } });
  expect(nowhere.status).toBe(404);
  expect(nowhere.problem.detail).toContain('There are: edge');
  const bad = await api.call('POST', '/v1/bootstrap/envoy', { body: { group: 'edge', variant: 'v2', adminPort: -1 } });
  expect(bad.problem.problems?.map(({ pointer }) => pointer).sort()).toEqual(['/adminPort', '/variant']);
  for (const xds of ['nonsense', 'host:0', 'host:65536', 'http://host:1', '::1:7071']) {
    const refused = await api.call('POST', '/v1/bootstrap/envoy', { body: { group: 'edge', xds } });
    expect(refused.problem.problems?.[0]?.pointer, xds).toBe('/xds');
  }
  const elsewhere = await api.call('POST', '/v1/bootstrap/envoy', { body: { group: 'edge', xds: '[::1]:7' } });
  expect(elsewhere.text).toMatch(/address: ::1\n +port_value: 7\n/);
});
