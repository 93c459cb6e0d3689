/** Secrets over REST: written, used, shown by what is public of them, and never read back. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { authoritiesYaml, makeCertificate, secretYaml } from '../../e2e/support/certificates.ts';
import { platformDocuments, startTestApi, type TestApi } from './testing.ts';

let api: TestApi;
const answers: string[] = [];
const at = { notBefore: new Date('2026-11-01T00:00:00Z'), notAfter: new Date('2026-12-01T00:00:00Z') };
const first = makeCertificate({ hosts: ['shop.example.com', '*.shop.example.com'], ...at });
const second = makeCertificate({ hosts: ['shop.example.com'], ...at });

beforeAll(async () => {
  api = await startTestApi();
  expect((await api.call('POST', '/v1/apply?set=platform', { body: platformDocuments })).status).toBe(200);
});
afterAll(() => api.close());

async function call(...request: Parameters<TestApi['call']>) {
  const answer = await api.call(...request);
  answers.push(answer.text);
  return answer;
}

const https = (certificates: string) => `---
kind: Listener
name: secure
spec: { groups: [edge], port: 8443, protocol: https, tls: { certificates: ${certificates} } }
`;

test('a Secret is shown by what everybody may know of its certificate', async () => {
  const applied = await call('POST', '/v1/apply', { body: secretYaml('shop', first) + https('shop') });
  expect(applied.json.changes[0]).toMatchObject({
    action: 'created',
    diff: [{ path: '', op: 'add', after: { spec: { certificate: '[redacted]', key: '[redacted]' } } }],
  });
  const read = await call('GET', '/v1/secrets/shop');
  expect(read.json).toMatchObject({
    spec: { certificate: '[redacted]', key: '[redacted]' },
    status: {
      certificate: {
        subject: 'CN=shop.example.com',
        sans: ['shop.example.com', '*.shop.example.com'],
        notBefore: '2026-11-01T00:00:00.000Z',
        notAfter: '2026-12-01T00:00:00.000Z',
        fingerprint: expect.stringMatching(/^[0-9A-F:]{95}$/),
      },
    },
  });
  expect((await call('GET', '/v1/secrets')).json.items).toMatchObject([{ spec: { key: '[redacted]' } }]);
});

test('a new pair is a change, the same one is none, and labels change without the key being sent again', async () => {
  const again = await call('POST', '/v1/apply', { body: secretYaml('shop', first) });
  expect(again.json.changes).toMatchObject([{ action: 'unchanged', diff: [] }]);
  const dry = await call('POST', '/v1/apply?dryRun=true', { body: secretYaml('shop', second) });
  const diff = ['/spec/certificate', '/spec/key'].map((path) => {
    return { path, op: 'replace', before: '[redacted]', after: '[redacted]' };
  });
  expect(dry.json.changes).toMatchObject([{ action: 'updated', diff }]);
  const type = 'application/merge-patch+json';
  const patched = await call('PATCH', '/v1/secrets/shop', { type, body: '{"labels":{"by":"ann"}}' });
  expect(patched.json).toMatchObject({ labels: { by: 'ann' }, spec: { key: '[redacted]' } });
  const put = await call('PUT', '/v1/secrets/shop', { body: secretYaml('shop', second) });
  expect([put.status, put.json.spec]).toEqual([200, { certificate: '[redacted]', key: '[redacted]' }]);
});

test('what cannot be served is refused with its place, and what was there stays', async () => {
  const { revision } = api.store.documents;
  const past = { notBefore: new Date(0), notAfter: new Date('2026-11-21T11:59:00Z') };
  const old = makeCertificate({ hosts: ['a.b'], ...past });
  const oldAuthority = makeCertificate({ hosts: ['a.b'], authority: true, ...past });
  for (const [body, code, pointer] of [
    [secretYaml('shop', { certificate: first.certificate, key: second.key }), 'invalid', '/0/spec/key'],
    [secretYaml('shop', old), 'expired', '/spec/certificate'],
    [authoritiesYaml('clients', oldAuthority), 'expired', '/spec/ca'],
    [secretYaml('shop', { certificate: '[redacted]', key: '[redacted]' }), 'invalid', '/0/spec/certificate'],
    [`kind: Secret\nname: shop\nspec: |\n${second.key.replaceAll(/^/gm, '  ')}`, 'invalid', '/0/spec'],
    [`kind: Secret\nname: shop\nspec: { key: "${second.key}`, 'malformed', ''],
    [https('gone'), 'missing-reference', '/spec/tls/certificates'],
    [https('[shop, checkout/gone]'), 'missing-reference', '/spec/tls/certificates/1'],
  ] as const) {
    const refused = await call('POST', '/v1/apply', { body });
    expect(refused.status, pointer).toBeGreaterThanOrEqual(400);
    expect(refused.problem.problems?.[0], pointer).toMatchObject({ code, pointer: expect.stringContaining(pointer) });
  }
  const inUse = await call('DELETE', '/v1/secrets/shop');
  expect([inUse.status, inUse.problem.problems?.[0]?.code]).toEqual([409, 'in-use']);
  expect(api.store.documents.revision).toBe(revision);
});

test('a certificate that has run out since stays until it is replaced: applied again, or with other labels', async () => {
  const { ms } = api.clock;
  api.clock.ms = Date.parse('2026-12-02T00:00:00Z');
  const body = secretYaml('shop', second);
  expect((await call('POST', '/v1/apply', { body })).json.changes).toMatchObject([{ action: 'unchanged' }]);
  const type = 'application/merge-patch+json';
  expect((await call('PATCH', '/v1/secrets/shop', { type, body: '{"labels":{"by":"bob"}}' })).status).toBe(200);
  api.clock.ms = ms;
});

test('a tenant has its own, within its quota, and sees nobody else’s', async () => {
  const quota = `kind: Tenant\nname: checkout\nspec: { claims: [{ host: shop.example.com }], quotas: { secrets: 1 } }`;
  await call('POST', '/v1/apply', { body: quota });
  const token = await api.tokenFor('tenant:checkout:editor');
  const own = await call('POST', '/v1/apply', { token, body: secretYaml('own', first, 'checkout') });
  expect(own.status).toBe(200);
  const more = await call('POST', '/v1/apply', { token, body: secretYaml('more', second, 'checkout') });
  expect(more.problem.problems?.[0]?.code).toBe('quota');
  expect((await call('GET', '/v1/secrets', { token })).json.items).toMatchObject([{ name: 'own' }]);
  expect((await call('GET', '/v1/secrets/shop', { token })).status).toBe(403);
  const foreign = await call('POST', '/v1/apply', { token, body: secretYaml('theirs', first, 'payments') });
  expect(foreign.status).toBe(403);
  const viewer = await api.tokenFor('tenant:checkout:viewer');
  expect((await call('GET', '/v1/tenants/checkout/secrets/own', { token: viewer })).json.spec.key).toBe('[redacted]');
});

test('what a group is served shows the certificate, and in the place of its key that it is there', async () => {
  await new Promise<void>((resolve) => {
    const stop = api.publisher.onPublished(({ changed }) => {
      if (!changed) return;
      stop();
      resolve();
    });
    void call('POST', '/v1/apply', { body: https('[shop, checkout/own]') });
  });
  const served = await call('GET', '/v1/xds/edge');
  expect(served.json.secrets).toMatchObject([
    { name: 'checkout/own', tls_certificate: { private_key: { inline_string: '[redacted]' } } },
    {
      name: 'shop',
      tls_certificate: {
        certificate_chain: { inline_string: second.certificate },
        private_key: { inline_string: '[redacted]' },
      },
    },
  ]);
  const deleted = await call('POST', '/v1/apply?delete=true', {
    body: `${secretYaml('own', first, 'checkout')}${https('shop')}`,
  });
  expect(deleted.json.changes[0].diff[0].before.spec.key).toBe('[redacted]');
});

test('no answer and no line of the log held any part of a key', () => {
  const said = [...answers, ...api.log].join('\n');
  expect(said.length).toBeGreaterThan(10_000);
  expect(said).toContain('[redacted]');
  for (const { key } of [first, second]) {
    for (const line of key.split('\n').filter((one) => !one.startsWith('-----') && one !== '')) {
      expect(said).not.toContain(line);
      expect(said).not.toContain(line.slice(0, 24));
    }
  }
});
