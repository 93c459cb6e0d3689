import { expect, test } from 'vitest';
import { toJson } from '../../proto/codec.ts';
import { hashPolicies } from './hash-policies.ts';
import { filterSettings } from './http-filters.ts';
import { targetOf } from './routes.ts';
import { asJson, typed } from './testing.ts';

const specOf = (spec: object) => typed('Route', 'r', { ...spec }).spec;
const wordsFor = (affinity: object) => {
  const route = { match: { prefix: '/' }, route: { cluster: 'c', ...hashPolicies(specOf({ affinity }).affinity) } };
  const { routes } = asJson('virtualHosts', { name: 'h', domains: ['h'], routes: [route] });
  return (routes as { route: { hash_policy?: object[] } }[])[0]?.route.hash_policy;
};

const cookie = { name: 'sid', ttl: '0s', path: '/a', attributes: { SameSite: 'Lax', Secure: true } };

test.each([
  [{ header: 'x-user' }, { header: { header_name: 'x-user' } }],
  [{ cookie: { name: 'sid' } }, { cookie: { name: 'sid' } }],
  [
    { cookie },
    {
      cookie: {
        ...{ name: 'sid', ttl: '0s', path: '/a' },
        attributes: [{ name: 'SameSite', value: 'Lax' }, { name: 'Secure' }],
      },
    },
  ],
  [{ query: 'user' }, { query_parameter: { name: 'user' } }],
  [{ path: true }, { header: { header_name: ':path', regex_rewrite: { pattern: { regex: '\\?.*' } } } }],
  [{ source: true }, { connection_properties: { source_ip: true } }],
])("the key %j in Envoy's words, and ends the search if it yields something", (key, words) => {
  expect(wordsFor({ hash: key })).toMatchObject([{ ...words, terminal: true }]);
});

test('keys that are combined do not end the search', () => {
  const hash = [{ header: 'a' }, { query: 'b' }];
  expect(wordsFor({ hash, combine: true })?.map((policy) => 'terminal' in policy)).toEqual([false, false]);
  expect(wordsFor({ sticky: { cookie: 'c' } })).toBeUndefined();
});

test.each([
  [
    { cookie: 'c', ttl: '1h', strict: true },
    { typed_config: { cookie: { name: 'c', ttl: '3600s', path: '/' } } },
    true,
  ],
  [
    { cookie: 'c', attributes: { SameSite: 'Lax', Secure: true } },
    { typed_config: { cookie: { attributes: [{ name: 'SameSite', value: 'Lax' }, { name: 'Secure' }] } } },
    undefined,
  ],
  [{ cookie: 'c' }, { typed_config: { cookie: { name: 'c', path: '/' } } }, undefined],
  [{ header: 'x-sticky' }, { typed_config: { name: 'x-sticky' } }, undefined],
])('the session %j is a setting of its filter', (sticky, session_state, strict) => {
  const { typed_per_filter_config: settings } = filterSettings(specOf({ affinity: { sticky } }), false);
  const json = toJson(settings!['envoy.filters.http.stateful_session'] as Parameters<typeof toJson>[0]);
  expect(json).toMatchObject({ stateful_session: { session_state, ...(strict && { strict }) } });
  expect('ttl' in sticky).toBe(JSON.stringify(json).includes('ttl'));
});

test('a subset is a match of metadata, of the cluster or of each of several', () => {
  const subset = { version: 'v2' };
  const metadata_match = {
    filter_metadata: { 'envoy.lb': { fields: { version: { stringValue: 'v2' } } } },
  };
  expect(targetOf(specOf({ to: { cluster: 'a', subset } }).to)).toEqual({ cluster: 'a', metadata_match });
  expect(targetOf(specOf({ to: [{ cluster: 'a', subset }, { cluster: 'a' }] }).to)).toEqual({
    weighted_clusters: {
      clusters: [
        { name: 'a', weight: { value: 1 }, metadata_match },
        { name: 'a', weight: { value: 1 } },
      ],
    },
  });
});
