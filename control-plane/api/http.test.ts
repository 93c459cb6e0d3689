/** The HTTP of it: sizes, types, connections, health, reference, and what never leaves. */
import net from 'node:net';
import Fastify from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { StoreError } from '../store/store.ts';
import { storeRefusal } from './problems.ts';
import { answerRefusals } from './refusals.ts';
import { adminToken, platformDocuments, startTestApi, type TestApi } from './testing.ts';

let api: TestApi;

beforeAll(async () => {
  api = await startTestApi();
  await api.call('POST', '/v1/apply', { body: platformDocuments });
});
afterAll(() => api.close());

/** Sends bytes on a connection of its own and resolves with all that comes back once `until` says so. */
function exchange(parts: readonly (string | Buffer)[], until: (answer: string) => boolean): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = net.connect(api.port, '127.0.0.1', () => {
      for (const part of parts) socket.write(part);
    });
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (until(answer)) socket.destroy();
    });
    // what came before counts
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });
}

const head = (method: string, path: string, headers: readonly string[]) =>
  [`${method} ${path} HTTP/1.1`, 'host: x', `authorization: Bearer ${adminToken}`, ...headers, '', ''].join('\r\n');
const probe = head('GET', '/healthz', []);
const tenMegabytes = Buffer.alloc(10_000_000, 'a');

test('a body of 10 MB is refused with a 413, and the connection goes on to serve the next request', async () => {
  const big = head('POST', '/v1/apply', ['content-type: application/yaml', `content-length: ${tenMegabytes.length}`]);
  const answer = await exchange([big, tenMegabytes, probe], (text) => text.includes('alive'));
  expect(answer).toMatch(/^HTTP\/1.1 413 /);
  expect(answer).toContain('Split the documents into several files');
  expect(answer).toContain('HTTP/1.1 200 OK');
});

test('a chunked body that grows too large is refused as well', async () => {
  const chunked = head('POST', '/v1/apply', ['content-type: application/yaml', 'transfer-encoding: chunked']);
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(0x100000, 'a'), Buffer.from('\r\n')]);
  const answer = await exchange([chunked, chunk, chunk, chunk, chunk, chunk], (text) => text.includes('"status":413'));
  expect(answer).toMatch(/^HTTP\/1.1 413 /);
});

test('a wrong token is refused before the body is read, and the sender of 10 MB sees why', async () => {
  const refused = await api.call('POST', '/v1/apply', { body: tenMegabytes.toString('latin1'), token: 'wrong' });
  expect(refused.status).toBe(401);
});

test('a client that asks first is told to go on with a small body and not with a large one', async () => {
  const expecting = (length: number) =>
    head('POST', '/v1/apply', ['content-type: application/yaml', 'expect: 100-continue', `content-length: ${length}`]);
  const large = await exchange([expecting(10_000_000)], (text) => text.includes('"status"'));
  expect(large).toMatch(/^HTTP\/1.1 413 /);
  const small = await exchange([expecting(7)], (text) => text.startsWith('HTTP/1.1 100 '));
  expect(small).toMatch(/^HTTP\/1.1 100 /);
});

test('one document may have 1 MiB, a small request 16 KiB', async () => {
  const path = '/v1/clusters/large';
  const body = (bytes: number) => `# ${'x'.repeat(bytes)}\nspec: {}`;
  expect((await api.call('PUT', path, { body: body(1024 * 1024) })).status).toBe(413);
  expect((await api.call('PUT', path, { body: body(1000 * 1024) })).status).toBe(422);
  expect((await api.call('POST', '/v1/tokens', { body: body(17_000) })).status).toBe(413);
});

test('a body of another type is a 415 that says which header to send', async () => {
  for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'application/xml']) {
    const refused = await api.call('POST', '/v1/apply', { body: platformDocuments, type });
    expect(refused.status).toBe(415);
    expect(refused.problem.detail).toContain('content-type: application/yaml');
  }
  for (const type of ['application/yaml; charset=utf-8', 'text/yaml', 'application/x-yaml', 'Application/YAML']) {
    expect((await api.call('POST', '/v1/apply', { body: platformDocuments, type })).status).toBe(200);
  }
});

test('what is not HTTP, and too much of it, is answered with a problem and the connection closed', async () => {
  const garbage = await exchange(['hello there\r\n\r\n'], () => false);
  expect(garbage).toMatch(/^HTTP\/1.1 400 [\s\S]*problem\+json[\s\S]*connection: close/);
  const headers = await exchange([head('GET', '/healthz', [`x: ${'y'.repeat(20_000)}`])], () => false);
  expect(headers).toMatch(/^HTTP\/1.1 431 [\s\S]*"status":431/);
});

test('a broken escape or an endless name in a path is refused as a problem', async () => {
  for (const path of ['/v1/clusters/%zz', `/v1/clusters/${'a'.repeat(300)}`]) {
    const refused = await api.call('GET', path);
    expect([400, 404, 414]).toContain(refused.status);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
  }
});

test('a request keeps the id that it came with, if a log can hold it', async () => {
  const named = await api.call('GET', '/healthz', { headers: { 'x-request-id': 'req-7' } });
  expect(named.headers.get('x-request-id')).toBe('req-7');
  const odd = await api.call('GET', '/v1/nowhere', { headers: { 'x-request-id': 'a b"c' } });
  expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  expect(odd.problem.instance).toBe(`urn:request:${odd.headers.get('x-request-id')}`);
});

test('the log has a line a request, with its author and without its query or token', async () => {
  await api.call('GET', '/v1/clusters?label=secret=hunter2', { headers: { 'x-request-id': 'logged' } });
  const line = () => api.log.find((entry) => entry.includes('"requestId":"logged"'));
  // it is written when the answer has left, which its receiver may see before
  await expect.poll(line).toBeDefined();
  expect(JSON.parse(line()!)).toMatchObject({
    event: 'request',
    method: 'GET',
    path: '/v1/clusters',
    status: 200,
    by: 'bootstrap administrator',
  });
  expect(api.log.join('')).not.toContain('hunter2');
  expect(api.log.join('')).not.toContain(adminToken);
});

test('readiness says why not, while health stays well', async () => {
  expect((await api.call('GET', '/readyz', { token: null })).json).toEqual({ status: 'ready' });
  api.reasons.push('The database does not answer.');
  const refused = await api.call('GET', '/readyz', { token: null });
  expect(refused.status).toBe(503);
  expect(refused.problem.detail).toBe('The database does not answer.');
  expect((await api.call('GET', '/healthz', { token: null })).status).toBe(200);
  api.reasons.pop();
});

test('every route but the reference itself is in the OpenAPI document, with the schema of its documents', async () => {
  const { json } = await api.call('GET', '/docs/json');
  expect(json.openapi).toBe('3.1.0');
  const operations = api.routes.filter(({ url }) => !url.startsWith('/docs'));
  expect(operations.length).toBeGreaterThan(60);
  for (const { method, url } of operations) {
    const path = url.replaceAll(/:(\w+)/g, '{$1}');
    expect(json.paths[path]?.[method.toLowerCase()]?.summary, `${method} ${path}`).toBeTypeOf('string');
  }
  expect(json.components.schemas.Route.properties.spec.properties).toHaveProperty('hosts');
  const references = JSON.stringify(json).matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g);
  for (const [, section, name] of references) expect(json.components[section!]).toHaveProperty(name!);
  const ids = Object.values<Record<string, { operationId: string }>>(json.paths).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  );
  expect(new Set(ids).size).toBe(ids.length);
});

test('a browser may open the reference with the token as the password, and nothing else that way', async () => {
  const basic = { authorization: `Basic ${Buffer.from(`me:${adminToken}`).toString('base64')}` };
  const page = await api.call('GET', '/docs', { token: null, headers: basic });
  expect(page.status).toBe(200);
  expect(page.text).toContain('<title>Fairlead API</title>');
  expect((await api.call('GET', '/docs', { token: null })).headers.get('www-authenticate')).toContain('Basic');
  expect((await api.call('GET', '/v1/nodes', { token: null, headers: basic })).status).toBe(401);
});

test('metrics count requests by route, never by path, and show the revision', async () => {
  await api.call('GET', '/v1/clusters/one-that-is-not-there');
  const metrics = async () => (await api.call('GET', '/metrics')).text;
  const counted = 'fairlead_http_requests_total{method="GET",route="/v1/clusters/:name",status="404"}';
  await expect.poll(metrics).toContain(counted);
  expect(await metrics()).not.toContain('one-that-is-not-there');
});

test('an unexpected error is a 500 with the request id, and its text stays in the log', async () => {
  const lines: string[] = [];
  const app = Fastify({ logger: { level: 'error', stream: { write: (line: string) => lines.push(line) } } });
  answerRefusals(app);
  app.get('/', () => {
    throw new TypeError('the inside of it');
  });
  const answer = await app.inject('/');
  expect(answer.statusCode).toBe(500);
  expect(answer.body).not.toContain('the inside of it');
  expect(answer.body).not.toContain('at ');
  expect(answer.json().detail).toContain(answer.json().instance.replace('urn:request:', ''));
  expect(lines.join('')).toContain('the inside of it');
  await app.close();
});

test('a full disk is a 507, every other fault of the store a 503 to try again, each with its remedy', () => {
  const refusal = (code: StoreError['code']) => storeRefusal(new StoreError(code, 'It broke.', 'Mend it.'));
  expect(refusal('disk-full')).toMatchObject({ status: 507, message: 'It broke. Mend it.', headers: {} });
  for (const code of ['unreachable', 'read-only', 'corrupt', 'failed', 'in-use'] as const) {
    expect(refusal(code)).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
  }
});
