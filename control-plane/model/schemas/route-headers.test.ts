import { expect, test } from 'vitest';
import { specOf } from '../check.ts';
import { refusals } from '../testing.ts';

const least = { hosts: 'shop.example.com', to: { cluster: 'orders' } };
const set = (name: string, value: unknown) =>
  refusals('Route', { ...least, headers: { request: { set: { [name]: value } } } });

test('changes are read whole, names in lower case', () => {
  const headers = {
    request: { remove: 'Cookie', set: { 'X-Team': 'a' }, add: { 'x-user': '%REQ(x-id?x-user):10% at 5%%' } },
    response: { remove: ['x-powered-by'] },
  };
  expect(specOf({ kind: 'Route', name: 'a', spec: { ...least, headers } })).toMatchObject({
    headers: {
      request: { remove: ['cookie'], set: { 'x-team': 'a' }, add: { 'x-user': '%REQ(x-id?x-user):10% at 5%%' } },
      response: { remove: ['x-powered-by'], set: {}, add: {} },
    },
  });
});

test.each([
  ...['host', ':path', 'Content-Length', 'transfer-encoding', 'connection', 'te', 'upgrade', 'keep-alive'],
  ...['proxy-authorization', 'x-envoy-max-retries', 'X-Forwarded-For', 'x-request-id', 'server', 'a b', 'a_b', ''],
])('the header %j may not be named', (name) => {
  expect(set(name, 'a')).toEqual([`invalid /spec/headers/request/set/${name}`]);
  const remove = [name];
  expect(refusals('Route', { ...least, headers: { response: { remove } } })).toEqual([
    'invalid /spec/headers/response/remove/0',
  ]);
});

test.each([
  '',
  '50%',
  '%',
  '%%%',
  '%NOPE%',
  '%REQ()%',
  '%REQ(:path)%',
  '%REQ(x-forwarded-for)%',
  '%req(a)%',
  'a\nb',
  ' a',
])('the value %j is refused', (value) => {
  expect(set('x-a', value)).toEqual(['invalid /spec/headers/request/set/x-a']);
});

test.each(['a', '%%', '%REQ(a)%', '%PROTOCOL% %ROUTE_NAME%', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'])(
  'the value %j is taken',
  (value) => {
    expect(set('x-a', value)).toEqual([]);
  },
);

test.each([
  [{ request: { set: { 'x-a': 5 } } }, 'invalid /spec/headers/request/set/x-a'],
  [{ request: { set: { 'x-a': 'a', 'X-A': 'b' } } }, 'invalid /spec/headers/request/set/X-A'],
  [{ request: { replace: {} } }, 'unknown-field /spec/headers/request/replace'],
])('%j is refused: %s', (headers, expected) => {
  expect(refusals('Route', { ...least, headers })).toEqual([expected]);
});

test('where nothing is sent on, only the answer can be changed', () => {
  const answer = { hosts: 'shop.example.com', respond: { status: 200 } };
  const set = { set: { 'x-a': 'b' } };
  expect(refusals('Route', { ...answer, headers: { response: set } })).toEqual([]);
  expect(refusals('Route', { ...answer, headers: { request: set } })).toEqual(['invalid /spec/headers']);
});
