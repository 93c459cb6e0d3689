import { expect, test } from 'vitest';
import { specOf } from '../check.ts';
import { refusals } from '../testing.ts';

const least = { listener: 'redis', to: [{ cluster: 'redis' }] };

test('an L4 route that says its listener and cluster has every default', () => {
  expect(specOf({ kind: 'L4Route', tenant: 'cache', name: 'redis', spec: least })).toEqual({
    listener: 'redis',
    to: [{ cluster: { tenant: 'cache', name: 'redis' }, weight: 1 }],
    idleTimeoutMs: 3_600_000,
  });
});

test('an L4 route that says everything is read whole', () => {
  const to = [{ cluster: 'a', weight: 3 }, { cluster: 'cache/b' }];
  const spec = { listener: 'redis', to, idleTimeout: '0s', datapath: 'user' };
  expect(specOf({ kind: 'L4Route', name: 'redis', spec })).toEqual({
    listener: 'redis',
    to: [
      { cluster: { tenant: undefined, name: 'a' }, weight: 3 },
      { cluster: { tenant: 'cache', name: 'b' }, weight: 1 },
    ],
    idleTimeoutMs: 0,
  });
});

test.each([
  [{ listener: undefined }, 'missing-field /spec/listener'],
  [{ listener: ['redis'] }, 'invalid /spec/listener'],
  [{ to: undefined }, 'missing-field /spec/to'],
  [{ to: { cluster: 'a', weight: 0 } }, 'invalid /spec/to'],
  [{ serverNames: ['*.db.example.com'] }, 'not-supported-yet /spec/serverNames'],
  [{ alpn: [] }, 'not-supported-yet /spec/alpn'],
  [{ sources: ['10.0.0.0/8'] }, 'not-supported-yet /spec/sources'],
  [{ hash: 'source' }, 'not-supported-yet /spec/hash'],
  [{ datapath: 'kernel' }, 'not-supported-yet /spec/datapath'],
  [{ datapath: 'fast' }, 'invalid /spec/datapath'],
  [{ idleTimeout: '1' }, 'invalid /spec/idleTimeout'],
  [{ hosts: 'a.b' }, 'unknown-field /spec/hosts'],
])('an L4 route with %j is refused: %s', (spec, refused) => {
  expect(refusals('L4Route', { ...least, ...spec })).toEqual([refused]);
});
