/** The authorisation matrix, made from the routes themselves: a route that is added cannot be forgotten here. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RegisteredRoute } from './routes.ts';
import { platformDocuments, serviceDocuments, startTestApi, type TestApi } from './testing.ts';

let api: TestApi;
const tokens: Record<string, string> = {};

const roleNames = [
  'admin',
  'platform',
  'network',
  'tenant:checkout:editor',
  'tenant:checkout:viewer',
  'tenant:payments:editor',
  'tenant:payments:viewer',
  'node:edge',
] as const;

beforeAll(async () => {
  api = await startTestApi();
  const body = `${platformDocuments}---${serviceDocuments('checkout', 'shop.example.com')}`;
  expect((await api.call('POST', '/v1/apply', { body })).status).toBe(200);
  for (const role of roleNames) tokens[role] = await api.tokenFor(role);
});
afterAll(() => api.close());

/** Who may call a route with the object of tenant `checkout` in its path. Written out by hand: this is the contract. */
function mayCall(role: (typeof roleNames)[number], { method, url }: RegisteredRoute): boolean {
  const strong = role === 'admin' || role === 'platform';
  const reads = method === 'GET';
  const tenant = role.startsWith('tenant:');
  if (url === '/v3/:discovery') return role === 'admin' || role === 'node:edge';
  if (role === 'node:edge') return false;
  if (url.startsWith('/v1/tenants/:tenant/')) {
    return strong || role === 'tenant:checkout:editor' || (role === 'tenant:checkout:viewer' && reads);
  }
  if (url === '/v1/tenants/:name')
    return strong || (reads && (role === 'network' || role.startsWith('tenant:checkout:')));
  if (/^\/v1\/(nodegroups|listeners)/.test(url)) return strong || role === 'network';
  if (/^\/v1\/l4routes\/:name$/.test(url)) return strong || role === 'network';
  if (/^\/v1\/(clusters|routes|healthpolicies|secrets)\/:name$/.test(url))
    return strong || (role === 'network' && reads);
  if (url === '/v1/clusters/:name/load') return strong || role === 'network';
  // Lists without a tenant are cut to what may be read.
  if (/^\/v1\/(tenants|clusters|routes|l4routes|healthpolicies|secrets|load|health)$/.test(url)) return true;
  if (url === '/v1/apply') return strong || role === 'network' || role.endsWith(':editor');
  if (url.startsWith('/v1/tokens') || url.startsWith('/v1/bootstrap') || url.startsWith('/v1/xds')) return strong;
  if (url.startsWith('/v1/nodes') || url === '/metrics') return strong || role === 'network';
  if (url.startsWith('/v1/rollouts') || url.startsWith('/docs')) return strong || role === 'network' || tenant;
  throw new Error(`nobody has said who may call ${method} ${url}`);
}

const isPublic = (url: string) => url === '/healthz' || url === '/readyz';

/** The path with an object in it that is there, so that a leak would show it. */
function pathOf(url: string): string {
  return url
    .replace(':tenant', 'checkout')
    .replace('tenants/:name', 'tenants/checkout')
    .replace('listeners/:name', 'listeners/public')
    .replace('nodegroups/:name', 'nodegroups/edge')
    .replace(':name', 'orders')
    .replace(':group', 'edge')
    .replace(':revision', '1')
    .replace(/:\w+|\*$/, 'x');
}

test('every route answers 401 without a token and with a wrong one, and only health is public', async () => {
  for (const { method, url } of api.routes) {
    for (const token of [null, 'wrong', `${tokens['admin']!.slice(0, -1)}x`]) {
      const { status, headers, text } = await api.call(method, pathOf(url), { token });
      if (isPublic(url)) expect(status, url).toBe(200);
      else {
        expect(status, `${method} ${url}`).toBe(401);
        expect(headers.get('www-authenticate')).toContain('Bearer realm="fairlead"');
        expect(text).not.toContain('shop.example.com');
      }
    }
  }
});

test('HEAD asks the same token as GET', async () => {
  for (const { url } of api.routes.filter(({ method, url }) => method === 'GET' && !isPublic(url))) {
    expect((await api.call('HEAD', pathOf(url), { token: null })).status, url).toBe(401);
    expect((await api.call('HEAD', pathOf(url), { token: tokens['node:edge']! })).status, url).toBe(403);
  }
});

test('every role gets past the door of exactly the routes that are its own, and nobody writes by it', async () => {
  const { revision } = api.store.documents;
  let cells = 0;
  for (const route of api.routes) {
    if (isPublic(route.url)) continue;
    for (const role of roleNames) {
      cells++;
      const allowed = mayCall(role, route);
      // No body, and for DELETE a revision that never was: whoever gets past the door is refused behind it.
      const headers = { 'if-match': '"999999"' };
      const answer = await api.call(route.method, pathOf(route.url), { token: tokens[role]!, headers });
      const cell = `${role}: ${route.method} ${route.url} answered ${answer.status}`;
      if (allowed) expect([401, 403], cell).not.toContain(answer.status);
      else {
        expect(answer.status, cell).toBe(403);
        expect(answer.problem.detail, cell).toContain(`this token has ${role}`);
        expect(answer.text).not.toContain('shop.example.com');
      }
    }
  }
  expect(cells).toBeGreaterThan(400);
  expect(api.store.documents.revision).toBe(revision);
});

test('lists without a tenant show a tenant its own documents and nothing else', async () => {
  for (const plural of ['clusters', 'routes', 'tenants']) {
    const own = await api.call('GET', `/v1/${plural}`, { token: tokens['tenant:checkout:viewer']! });
    expect(own.json.items.length, plural).toBe(1);
    const other = await api.call('GET', `/v1/${plural}`, { token: tokens['tenant:payments:editor']! });
    expect(other.text).not.toContain('checkout');
    const network = await api.call('GET', `/v1/${plural}`, { token: tokens['network']! });
    expect(network.json.items.every((item: { tenant?: string }) => item.tenant === undefined)).toBe(true);
  }
});

test("another tenant's document is refused alike whether it is there or not", async () => {
  const token = tokens['tenant:payments:editor']!;
  const there = await api.call('GET', '/v1/tenants/checkout/routes/orders', { token });
  const notThere = await api.call('GET', '/v1/tenants/checkout/routes/nobody', { token });
  expect([there.status, notThere.status]).toEqual([403, 403]);
  expect(notThere.problem.detail).toBe(there.problem.detail.replace('orders', 'nobody'));
});

test('a path that is not there is a 401 to strangers and a 404 that names what exists to others', async () => {
  expect((await api.call('GET', '/v1/routs', { token: null })).status).toBe(401);
  const unknown = await api.call('GET', '/v1/routs');
  expect(unknown.status).toBe(404);
  expect(unknown.problem.detail).toContain('Did you mean /v1/routes?');
  expect(unknown.problem.detail).toContain('/v1/apply');
  const method = await api.call('POST', '/v1/routes');
  expect(method.status).toBe(405);
  expect(method.headers.get('allow')).toBe('GET');
});
