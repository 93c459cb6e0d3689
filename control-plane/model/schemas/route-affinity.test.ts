import { expect, test } from 'vitest';
import { specOf } from '../check.ts';
import { refusals } from '../testing.ts';

const least = { hosts: 'a.example.com', to: { cluster: 'c' } };
const affinityOf = (affinity: object) => specOf({ kind: 'Route', name: 'a', spec: { ...least, affinity } }).affinity;

test('a route without affinity has none', () => {
  expect(specOf({ kind: 'Route', name: 'a', spec: least }).affinity).toBeNull();
});

test('keys of a hash are read in their order, with what they leave out', () => {
  const cookie = { name: 'sid', ttl: '1h', path: '/a', attributes: { SameSite: 'Lax', Secure: true, Partitioned: '' } };
  const hash = [{ header: 'X-User' }, { cookie }, { cookie: { name: 'b' } }, { query: 'user' }, { path: true }];
  expect(affinityOf({ hash: [...hash, { source: true }], combine: true })).toEqual({
    hash: [
      { header: 'x-user' },
      {
        cookie: {
          ...{ name: 'sid', ttlMs: 3_600_000, path: '/a' },
          attributes: { SameSite: 'Lax', Secure: '', Partitioned: '' },
        },
      },
      { cookie: { name: 'b', ttlMs: null, path: '/', attributes: {} } },
      { query: 'user' },
      { path: true },
      { source: true },
    ],
    combine: true,
    sticky: null,
  });
  expect(affinityOf({ hash: { source: true } })).toMatchObject({ hash: [{ source: true }], combine: false });
});

test.each([
  [{ cookie: 'fl-sticky' }, { cookie: 'fl-sticky', ttlMs: 0, path: '/', attributes: {}, strict: false, signed: false }],
  [
    {
      cookie: 'c',
      ttl: '1h',
      path: '/shop',
      attributes: { SameSite: 'Lax', Secure: true },
      strict: true,
      signed: true,
    },
    {
      ...{ cookie: 'c', ttlMs: 3_600_000, path: '/shop', attributes: { SameSite: 'Lax', Secure: '' } },
      ...{ strict: true, signed: true },
    },
  ],
  [{ header: 'X-Sticky' }, { header: 'x-sticky', strict: false, signed: false }],
])('a sticky session %j is read with its defaults', (sticky, read) => {
  expect(affinityOf({ sticky })).toEqual({ hash: [], combine: false, sticky: read });
});

test('a hash may say who is first of those that stay', () => {
  expect(affinityOf({ hash: { source: true }, sticky: { cookie: 'c' } })).toMatchObject({
    ...{ hash: [{ source: true }], sticky: { cookie: 'c' } },
  });
});

const cookie = (fields: object) => ({ hash: { cookie: { name: 'sid', ...fields } } });

test.each([
  [{}, 'missing-field /spec/affinity/hash'],
  [{ combine: true, sticky: { cookie: 'c' } }, 'invalid /spec/affinity/combine'],
  [{ hash: [] }, 'invalid /spec/affinity/hash'],
  [{ hash: [{}] }, 'invalid /spec/affinity/hash/0'],
  [{ hash: { header: 'a', query: 'b' } }, 'invalid /spec/affinity/hash'],
  [{ hash: { header: 'host' } }, 'invalid /spec/affinity/hash/header'],
  [{ hash: { path: false } }, 'invalid /spec/affinity/hash/path'],
  [{ hash: { source: 'x' } }, 'invalid /spec/affinity/hash/source'],
  [{ hash: { heder: 'a' } }, 'unknown-field /spec/affinity/hash/heder'],
  [cookie({ name: 'a b' }), 'invalid /spec/affinity/hash/cookie/name'],
  [cookie({ ttl: 60 }), 'invalid /spec/affinity/hash/cookie/ttl'],
  [cookie({ path: 'a' }), 'invalid /spec/affinity/hash/cookie/path'],
  [cookie({ path: '/;Secure' }), 'invalid /spec/affinity/hash/cookie/path'],
  [cookie({ attributes: { 'Max-Age': '5' } }), 'invalid /spec/affinity/hash/cookie/attributes/Max-Age'],
  [cookie({ attributes: { 'a b': '5' } }), 'invalid /spec/affinity/hash/cookie/attributes/a b'],
  [cookie({ attributes: { a: 'b; c' } }), 'invalid /spec/affinity/hash/cookie/attributes/a'],
  [{ sticky: {} }, 'invalid /spec/affinity/sticky'],
  [{ sticky: { cookie: 'a', header: 'b' } }, 'invalid /spec/affinity/sticky'],
  [{ sticky: { header: 'b', ttl: '1s' } }, 'invalid /spec/affinity/sticky/ttl'],
  [{ sticky: { header: 'b', attributes: {} } }, 'invalid /spec/affinity/sticky/attributes'],
  [{ sticky: { cookie: 'b', attributes: { path: '/' } } }, 'invalid /spec/affinity/sticky/attributes/path'],
  [{ sticky: { header: 'b', path: '/' } }, 'invalid /spec/affinity/sticky/path'],
  [{ sticky: { cookie: 'a;b' } }, 'invalid /spec/affinity/sticky/cookie'],
])('the affinity %j is refused: %s', (affinity, refused) => {
  expect(refusals('Route', { ...least, affinity })).toContain(refused);
});

test('who sends nothing on has no affinity', () => {
  const spec = { hosts: 'a.example.com', redirect: { scheme: 'https' }, affinity: { hash: { source: true } } };
  expect(refusals('Route', spec)).toEqual(['invalid /spec/affinity']);
});
