import { expect, test } from 'vitest';
import { specOf } from '../check.ts';
import { refusals } from '../testing.ts';

const hosts = 'shop.example.com';
const answer = (spec: object) => specOf({ kind: 'Route', name: 'a', spec: { hosts, ...spec } });
const stays = { scheme: null, host: null, port: null, path: null, prefix: null, code: 301 };

test.each([
  [{ scheme: 'https' }, { scheme: 'https' }],
  [
    { host: 'Shop.example.org:8443', code: 308 },
    { host: 'shop.example.org', port: '8443', code: 308 },
  ],
  [{ path: '/new?from=old' }, { path: '/new?from=old' }],
  [{ prefix: '/v2/' }, { prefix: '/v2/' }],
])('redirect %j', (redirect, expected) => {
  expect(answer({ redirect })).toMatchObject({ to: [], respond: null, redirect: { ...stays, ...expected } });
});

test.each([
  [
    { status: 421, body: 'no' },
    { status: 421, body: 'no' },
  ],
  [{ status: 204 }, { status: 204, body: '', headers: {} }],
  [{ status: 200, headers: { 'X-A': 'b' } }, { headers: { 'x-a': 'b' } }],
  [{ status: 304 }, { status: 304, body: '' }],
  [{ status: 200, body: 'a'.repeat(4096) }, { status: 200 }],
])('respond %j', (respond, expected) => {
  expect(answer({ respond })).toMatchObject({ to: [], redirect: null, respond: expected });
});

const regex = { match: { path: { regex: '/a.*' } } };
test.each([
  [{}, 'missing-field /spec/to'],
  [{ to: { cluster: 'a' }, respond: { status: 200 } }, 'invalid /spec/respond'],
  [{ redirect: { scheme: 'https' }, respond: { status: 200 } }, 'invalid /spec/respond'],
  [{ redirect: {} }, 'invalid /spec/redirect'],
  [{ redirect: { code: 302 } }, 'invalid /spec/redirect'],
  [{ redirect: { scheme: 'ftp' } }, 'invalid /spec/redirect/scheme'],
  [{ redirect: { scheme: 'https', code: 304 } }, 'invalid /spec/redirect/code'],
  [{ redirect: { host: '*.example.com' } }, 'invalid /spec/redirect/host'],
  [{ redirect: { host: 'a.b:0' } }, 'invalid /spec/redirect/host'],
  [{ redirect: { host: 'http://a.b' } }, 'invalid /spec/redirect/host'],
  [{ redirect: { path: 'new' } }, 'invalid /spec/redirect/path'],
  [{ redirect: { path: '/new?a b' } }, 'invalid /spec/redirect/path'],
  [{ redirect: { path: '/a', prefix: '/b' } }, 'invalid /spec/redirect/prefix'],
  [{ redirect: { prefix: '' } }, 'invalid /spec/redirect/prefix'],
  [{ ...regex, redirect: { prefix: '/b' } }, 'invalid /spec/redirect'],
  [{ respond: {} }, 'missing-field /spec/respond/status'],
  [{ respond: { status: 199 } }, 'invalid /spec/respond/status'],
  [{ respond: { status: 600 } }, 'invalid /spec/respond/status'],
  [{ respond: { status: 200, headers: { host: 'a' } } }, 'invalid /spec/respond/headers/host'],
  [{ respond: { status: 302 } }, 'invalid /spec/respond/status'],
  [{ respond: { status: 204, body: 'a' } }, 'invalid /spec/respond/body'],
  [{ respond: { status: 304, body: 'a' } }, 'invalid /spec/respond/body'],
  [{ respond: { status: 200, body: '\u00e9'.repeat(2049) } }, 'invalid /spec/respond/body'],
])('a route with %j is refused: %s', (spec, expected) => {
  expect(refusals('Route', { hosts, ...spec })).toEqual([expected]);
});
