import { expect, test } from 'vitest';
import { specOf } from '../check.ts';
import { refusals } from '../testing.ts';

const balanceOf = (balance: object, more: object = {}) =>
  specOf({ kind: 'Cluster', name: 'orders', spec: { endpoints: [], balance, ...more } }).balance;

test.each([
  [{}, { policy: 'least-request', choices: 2, fullScan: false, bias: null }],
  [{ policy: 'round-robin' }, { policy: 'round-robin' }],
  [{ policy: 'random' }, { policy: 'random' }],
  [
    { policy: 'least-request', choices: 5, bias: 0.5 },
    { policy: 'least-request', choices: 5, fullScan: false, bias: 0.5 },
  ],
  [{ policy: 'utilization' }, { policy: 'utilization', choices: 2 }],
  [
    { policy: 'ring-hash' },
    { policy: 'ring-hash', function: 'xx-hash', minSize: 1024, maxSize: 8_388_608, boundedLoadPercent: null },
  ],
  [
    { policy: 'ring-hash', function: 'murmur-hash-2', maxSize: 512, boundedLoad: '125%' },
    { policy: 'ring-hash', function: 'murmur-hash-2', minSize: 512, maxSize: 512, boundedLoadPercent: 125 },
  ],
  [{ policy: 'maglev' }, { policy: 'maglev', tableSize: 65_537, boundedLoadPercent: null }],
  [
    { policy: 'maglev', tableSize: 5_000_011, boundedLoad: '100%' },
    { policy: 'maglev', tableSize: 5_000_011, boundedLoadPercent: 100 },
  ],
])('the balance %j is read with its defaults', (written, read) => {
  expect(balanceOf(written)).toEqual({
    ...read,
    ...{ panicPercent: 50, failClosed: false, localities: null, subsets: [] },
  });
});

test('zones, subsets and panic are read beside any policy that has them', () => {
  const subsets = [['version'], ['stage', 'version'].toReversed()];
  expect(balanceOf({ localities: 'zone-aware', failClosed: true, subsets, panic: '0%' })).toMatchObject({
    ...{ localities: 'zone-aware', failClosed: true, panicPercent: 0 },
    subsets: [['version'], ['stage', 'version']],
  });
  const endpoints = [{ address: '10.0.0.1', port: 1, zone: 'b' }];
  expect(balanceOf({ policy: 'maglev', localities: { a: 3, b: 0 } }, { endpoints }).localities).toEqual({ a: 3, b: 0 });
  expect(balanceOf({ policy: 'ring-hash', failClosed: false }).failClosed).toBe(false);
});

test.each([
  [{ policy: 'round-robin', choices: 2 }, 'choices'],
  [{ policy: 'random', function: 'xx-hash' }, 'function'],
  [{ minSize: 5 }, 'minSize'],
  [{ policy: 'maglev', maxSize: 5 }, 'maxSize'],
  [{ policy: 'ring-hash', tableSize: 7 }, 'tableSize'],
  [{ policy: 'least-request', boundedLoad: '125%' }, 'boundedLoad'],
  [{ policy: 'maglev', failClosed: true }, 'failClosed'],
  [{ policy: 'utilization', fullScan: true }, 'fullScan'],
  [{ policy: 'utilization', localities: 'zone-aware', subsets: [['version']], failClosed: true }, undefined],
  [{ policy: 'random', bias: 1 }, 'bias'],
  [{ bias: -1 }, 'bias'],
  [{ fullScan: true, choices: 3 }, 'choices'],
  [{ policy: 'maglev', localities: 'zone-aware' }, 'localities'],
  [{ localities: { a: 1 }, failClosed: true }, 'failClosed'],
  [{ policy: 'ring-hash', minSize: 20, maxSize: 10 }, 'minSize'],
  [{ policy: 'ring-hash', maxSize: 8_388_609 }, 'maxSize'],
  [{ policy: 'maglev', tableSize: 65_536 }, 'tableSize'],
  [{ policy: 'maglev', tableSize: 5_000_012 }, 'tableSize'],
  [{ policy: 'maglev', boundedLoad: '99%' }, 'boundedLoad'],
  [{ policy: 'maglev', boundedLoad: 1.25 }, 'boundedLoad'],
  [{ policy: 'ring-hsah' }, 'policy'],
  [{ localities: 'zone' }, 'localities'],
  [{ localities: { a: 0 } }, 'localities'],
  [{ localities: { a: 1.5 } }, 'localities/a'],
  [{ subsets: ['version'] }, undefined],
  [{ subsets: 'version' }, 'subsets'],
  [{ subsets: [[]] }, 'subsets/0'],
  [
    {
      subsets: [
        ['a', 'b'],
        ['b', 'a'],
      ],
    },
    'subsets/1',
  ],
  [{ subsets: [['a', 'a']] }, 'subsets/0/1'],
])('the balance %j is refused: %s', (balance, field) => {
  const refused = field === undefined ? [] : [`invalid /spec/balance/${field}`];
  expect(refusals('Cluster', { endpoints: [], balance })).toEqual(refused);
});

test('a zone without a weight would get nothing, which is hardly meant', () => {
  const endpoints = [
    { address: '10.0.0.1', port: 1, zone: 'c' },
    { address: '10.0.0.2', port: 1 },
  ];
  expect(refusals('Cluster', { endpoints, balance: { localities: { a: 1 } } })).toEqual([
    'invalid /spec/balance/localities',
  ]);
});
