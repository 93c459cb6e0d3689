import { expect, test } from 'vitest';
import { StoreError, type TokenRecord, type TokenStore } from '../store/store.ts';
import { createAuthenticator } from './authenticate.ts';
import { authorizeStatus, authorizeStreams } from './authorize-streams.ts';
import { hashSecret, newSecret } from './token-secret.ts';

/** Tokens in a map, with a database that can be taken away: what is asked of it is what these tests are about. */
function tokenMap(roles: Readonly<Record<string, string>>) {
  const state = { asked: 0, down: false };
  const secrets: Record<string, string> = {};
  const records = new Map<string, TokenRecord>();
  for (const [id, role] of Object.entries(roles)) {
    secrets[id] = newSecret();
    const record = { id, name: '', role, createdAt: '', expiresAt: null, lastUsedAt: null };
    records.set(hashSecret(secrets[id]), record);
  }
  const tokens: TokenStore = {
    create: () => Promise.reject(new Error('not here')),
    list: () => Promise.resolve([...records.values()]),
    findByHash: async (hash) => {
      state.asked++;
      if (state.down) throw new StoreError('unreachable', 'The database is gone.', 'Start it.');
      return records.get(hash);
    },
    touch: () => Promise.reject(new Error('a use that cannot be noted')),
    revoke: () => Promise.resolve(false),
  };
  return { state, secrets, tokens };
}

const node = { id: 'n1', userAgent: '', zone: '' };

test('many at once with one token ask the store once, and again only after the answer has aged', async () => {
  const { state, secrets, tokens } = tokenMap({ t: 'node:edge' });
  let nowMs = 0;
  const authenticator = createAuthenticator({ tokens, adminToken: undefined, now: () => nowMs, freshMs: 1_000 });
  const verified = await Promise.all(Array.from({ length: 100 }, () => authenticator.verify(secrets['t']!)));
  expect(verified.every((identity) => identity?.id === 't')).toBe(true);
  expect(state.asked).toBe(1);
  nowMs = 1_000;
  await authenticator.verify(secrets['t']!);
  expect(state.asked).toBe(2);
});

test('what cannot be a token is refused without asking the store', async () => {
  const { state, tokens } = tokenMap({});
  const authenticator = createAuthenticator({ tokens, adminToken: 'admin', now: () => 0 });
  for (const secret of ['', 'x', 'fl_', `${newSecret()}0`]) expect(await authenticator.verify(secret)).toBeUndefined();
  expect(state.asked).toBe(0);
  expect((await authenticator.verify('admin'))?.role).toEqual({ type: 'admin' });
});

test('while the database is gone a token that was seen lately still opens the door, and no other does', async () => {
  const { state, secrets, tokens } = tokenMap({ seen: 'node:edge', unseen: 'node:edge' });
  let nowMs = 0;
  const authenticator = createAuthenticator({
    tokens,
    adminToken: 'admin',
    now: () => nowMs,
    freshMs: 1_000,
    staleMs: 5_000,
  });
  await authenticator.verify(secrets['seen']!);
  state.down = true;
  nowMs = 4_999;
  expect((await authenticator.verify(secrets['seen']!))?.id).toBe('seen');
  await expect(authenticator.verify(secrets['unseen']!)).rejects.toThrow(StoreError);
  expect((await authenticator.verify('admin'))?.id).toBe('bootstrap');
  nowMs = 5_000;
  await expect(authenticator.verify(secrets['seen']!)).rejects.toThrow(StoreError);
});

test('the store never holds more answers than it may', async () => {
  const { state, secrets, tokens } = tokenMap({ a: 'admin', b: 'admin' });
  const authenticator = createAuthenticator({ tokens, adminToken: undefined, now: () => 0, capacity: 1 });
  for (const id of ['a', 'b', 'b', 'a']) await authenticator.verify(secrets[id]!);
  expect(state.asked).toBe(3);
});

test('a node subscribes with a token of its own group; an administrator as any; everyone else is told why not', async () => {
  const { secrets, tokens } = tokenMap({ edge: 'node:edge', platform: 'platform', tenant: 'tenant:a:editor' });
  const authorize = authorizeStreams(createAuthenticator({ tokens, adminToken: 'admin', now: () => 0 }));
  expect(await authorize(secrets['edge'], { ...node, group: 'edge' }, undefined)).toEqual({ ok: true });
  expect(await authorize('admin', { ...node, group: 'front' }, undefined)).toEqual({ ok: true });
  for (const id of ['edge', 'platform', 'tenant']) {
    expect(await authorize(secrets[id], { ...node, group: 'front' }, undefined)).toMatchObject({
      ok: false,
      code: 'permission-denied',
      message: expect.stringContaining('node:front'),
    });
  }
  for (const token of [undefined, 'wrong', newSecret()]) {
    expect(await authorize(token, { ...node, group: 'edge' }, undefined)).toMatchObject({
      ok: false,
      code: 'unauthenticated',
    });
  }
});

test('a certificate lets in alone, or with a token; what it says against the node no token makes good', async () => {
  const { secrets, tokens } = tokenMap({ edge: 'node:edge' });
  const authorize = authorizeStreams(createAuthenticator({ tokens, adminToken: 'admin', now: () => 0 }));
  const as = (uris: string[]) => ({ trusted: true, uris }) as const;
  const edge = { ...node, group: 'edge' };
  const uri = (group: string) => `spiffe://example.com/fairlead/group/${group}`;
  expect(await authorize(undefined, edge, as([uri('edge')]))).toEqual({ ok: true });
  expect(await authorize('wrong', edge, as([uri('edge')]))).toEqual({ ok: true });
  expect(await authorize(secrets['edge'], edge, as([]))).toEqual({ ok: true });
  expect(await authorize(undefined, edge, as(['spiffe://example.com/other']))).toEqual({
    ...{ ok: false, code: 'unauthenticated' },
    message: expect.stringMatching(
      /certificate names no node group .*fairlead\/group\/edge.* no token; .*role node:edge/,
    ),
  });
  for (const token of [undefined, secrets['edge'], 'admin']) {
    expect(await authorize(token, edge, as([uri('inner')]))).toMatchObject({ ok: false, code: 'permission-denied' });
    expect(await authorize(token, edge, { trusted: false, reason: 'it has expired' })).toEqual({
      ...{ ok: false, code: 'unauthenticated' },
      message: 'the client certificate is not accepted: it has expired',
    });
  }
});

test('client status is for those who may see what every group is served; everyone else is told who that is', async () => {
  const roles = { p: 'platform', n: 'network', t: 'tenant:checkout:editor', e: 'node:edge' };
  const { secrets, tokens } = tokenMap(roles);
  const authorize = authorizeStatus(createAuthenticator({ tokens, adminToken: 'admin', now: () => 0 }));
  for (const token of ['admin', secrets['p']]) expect(await authorize(token, undefined)).toEqual({ ok: true });
  for (const id of ['n', 't', 'e']) {
    const message = expect.stringContaining('admin, platform');
    expect(await authorize(secrets[id], undefined)).toEqual({ ok: false, code: 'permission-denied', message });
  }
  expect(await authorize('admin', { trusted: false, reason: 'it has expired' })).toMatchObject({ ok: false });
  for (const token of [undefined, newSecret()]) {
    expect(await authorize(token, undefined)).toMatchObject({ ok: false, code: 'unauthenticated' });
  }
});
