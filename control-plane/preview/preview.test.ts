import { expect, test } from 'vitest';
import { specOf } from '../model/check.ts';
import type { ClusterSpec } from '../model/specs.ts';
import { setOf } from '../model/testing.ts';
import { clusterLoadAssignment } from '../translate/endpoints.ts';
import { endpointKey, levelsOf } from './levels.ts';
import { limits } from './limits.ts';
import { type ClusterPreview, previewClusters } from './preview.ts';

interface WrittenEndpoint {
  readonly address: string;
  readonly port: number;
  readonly [field: string]: unknown;
}

const endpoints = (count: number, rest: (index: number) => object = () => ({})): WrittenEndpoint[] =>
  Array.from({ length: count }, (_, index) => ({ address: `10.0.0.${index + 1}`, port: 8080, ...rest(index) }));

const clusterOf = (balance: object, written: readonly WrittenEndpoint[]): ClusterSpec =>
  specOf({ kind: 'Cluster', name: 'orders', spec: { balance, endpoints: written } });

let turns = 0;
const nextTurn = async (): Promise<void> => void turns++;

const nobody: ReadonlySet<string> = new Set();

async function preview(before: ClusterSpec | null, after: ClusterSpec, unwell = nobody): Promise<ClusterPreview> {
  const [only] = await previewClusters([{ tenant: 'checkout', name: 'orders', before, after, unwell }], nextTurn);
  return only!;
}

const maglev = { policy: 'maglev' };
const ring = { policy: 'ring-hash' };
const percent = (text: string | undefined): number => Number(/^(\d+\.\d)%$/.exec(text ?? '')?.[1]);

test('one of ten endpoints that leaves takes a tenth of the keys along, and of a ring some others', async () => {
  const ten = endpoints(10);
  const nine = ten.filter((_, index) => index !== 4);
  const ofMaglev = await preview(clusterOf(maglev, ten), clusterOf(maglev, nine));
  expect(ofMaglev).toMatchObject({ cluster: 'orders', tenant: 'checkout' });
  expect(Math.abs(percent(ofMaglev.movedKeys) - 10.4)).toBeLessThan(1);
  const large = { ...ring, minSize: 8_192 };
  const ofRing = await preview(clusterOf(large, ten), clusterOf(large, nine));
  expect(percent(ofRing.movedKeys)).toBeGreaterThan(14);
  expect(percent(ofRing.movedKeys)).toBeLessThan(22);
});

test('what changes nothing for keys moves none, and another function moves nearly all', async () => {
  const ten = endpoints(10);
  const same = await preview(clusterOf(ring, ten), clusterOf({ ...ring, panic: '10%' }, ten.toReversed()));
  expect(same.movedKeys).toBe('0.0%');
  const other = await preview(clusterOf(ring, ten), clusterOf({ ...ring, function: 'murmur-hash-2' }, ten));
  expect(percent(other.movedKeys)).toBeGreaterThan(85);
});

test('keys move only where a hashing policy stays one', async () => {
  const plain = clusterOf({ policy: 'round-robin' }, endpoints(3));
  const hashing = clusterOf(maglev, endpoints(3));
  const begins = await preview(plain, hashing);
  expect(begins.movedKeys).toBeUndefined();
  expect(begins.skew).toBeDefined();
  const ends = await preview(hashing, plain);
  expect([ends.movedKeys, ends.skew]).toEqual([undefined, undefined]);
  expect((await preview(null, hashing)).movedKeys).toBeUndefined();
});

test('the spread is against what the weights say', async () => {
  const weighted = endpoints(5, (index) => ({ weight: 1 + index }));
  const { skew } = await preview(null, clusterOf(maglev, weighted));
  expect(percent(skew?.most.load)).toBeLessThan(100.2);
  expect(percent(skew?.least.load)).toBeGreaterThan(99.8);
  const ofRing = (await preview(null, clusterOf(ring, endpoints(5)))).skew!;
  expect(percent(ofRing.most.load)).toBeGreaterThan(101);
  expect(percent(ofRing.least.load)).toBeLessThan(99);
  expect(ofRing.most.endpoint).toMatch(/^10\.0\.0\.\d:8080$/);
});

test('zones get what their weights say', async () => {
  const zoned = endpoints(6, (index) => ({ zone: index < 2 ? 'a' : 'b' }));
  const even = clusterOf({ ...maglev, localities: { a: 1, b: 1 } }, zoned);
  const only = clusterOf({ ...maglev, localities: { a: 1, b: 0 } }, zoned);
  expect(Math.abs(percent((await preview(even, only)).movedKeys) - 50)).toBeLessThan(3);
  // and when all of a zone drain, the others are as evenly loaded as before
  const drained = zoned.map((one, index) => (index < 2 ? { ...one, state: 'draining' } : one));
  const { skew } = await preview(even, clusterOf({ ...maglev, localities: { a: 1, b: 1 } }, drained));
  expect(skew).toMatchObject({ most: { load: '100.0%' }, least: { load: '100.0%' } });
});

test.each([
  // 10 well of 10: from 4 well on, 140 % of which is less than all
  ['50%', 10, 0, { after: 5 }],
  // who drains is not missed
  ['50%', 10, 2, { after: 4 }],
  ['30%', 10, 0, { after: 7 }],
  ['0%', 10, 0, { after: 10 }],
  ['100%', 10, 0, { after: 2 }],
])('with panic under %s, of %i endpoints with %i draining may fail: %j', async (panic, count, draining, mayFail) => {
  const written = endpoints(count, (index) => (index < draining ? { state: 'draining' } : {}));
  const told = await preview(null, clusterOf({ panic }, written));
  expect(told.panic).toEqual({
    threshold: panic,
    crosses: false,
    priorities: [{ priority: 0, endpoints: count, well: count - draining, inPanic: false, mayFail }],
  });
});

test('a change that leaves too few well is said to cross the threshold, once', async () => {
  const of = (count: number) => clusterOf({}, endpoints(count));
  const unwell = new Set(['10.0.0.2:8080', '10.0.0.3:8080', '10.0.0.4:8080']);
  const crossing = (await preview(of(1), of(4), unwell)).panic;
  expect(crossing).toMatchObject({ crosses: true, priorities: [{ inPanic: true, mayFail: { before: 0, after: 0 } }] });
  expect((await preview(of(3), of(4), unwell)).panic).toMatchObject({ crosses: false });
  // who is disabled is not there at all
  const disabled = clusterOf(
    {},
    endpoints(4, (index) => (index < 3 ? { state: 'disabled' } : {})),
  );
  const alone = (await preview(of(4), disabled)).panic;
  expect(alone).toMatchObject({ crosses: false, priorities: [{ endpoints: 1, well: 1, mayFail: { after: 0 } }] });
});

test('endpoints that nodes find unwell have no keys, and bring panic nearer', async () => {
  const four = clusterOf(maglev, endpoints(4));
  const unwell = new Set(['10.0.0.2:8080']);
  const told = await preview(four, clusterOf(maglev, endpoints(3)), unwell);
  expect(Math.abs(percent(told.movedKeys) - 33)).toBeLessThan(3);
  expect(told.panic.priorities).toMatchObject([{ endpoints: 3, well: 2, mayFail: { before: 1, after: 0 } }]);
  const half = clusterOf({ ...maglev, panic: '60%' }, endpoints(2));
  expect((await preview(four, half, unwell)).panic).toMatchObject({ crosses: true });
});

test('while another priority can take the load, nobody panics, and keys go there', async () => {
  const half = endpoints(4, (index) => ({ priority: index < 2 ? 0 : 5 }));
  const gone = half.map((one, index) => (index < 2 ? { ...one, state: 'draining' } : one));
  const told = await preview(clusterOf(maglev, half), clusterOf(maglev, gone));
  expect(told.panic.crosses).toBe(false);
  expect(told.panic.priorities).toMatchObject([
    { priority: 0, well: 0, mayFail: { before: 2, after: 0 } },
    // half of two is just enough not to panic
    { priority: 5, well: 2, mayFail: { before: 2, after: 1 } },
  ]);
  expect(told.movedKeys).toBe('100.0%');
  expect(told.skew?.most.endpoint).toMatch(/^10\.0\.0\.[34]:/);
});

test('tables that are too large are left out, and what comes after them is told', async () => {
  const huge = clusterOf({ ...ring, minSize: 2 * limits.tableEntries }, endpoints(2));
  const small = clusterOf(maglev, endpoints(2));
  const previews = await previewClusters(
    [
      { name: 'huge', before: huge, after: huge, unwell: nobody },
      { name: 'small', before: small, after: small, unwell: nobody },
    ],
    nextTurn,
  );
  expect(previews[0]).toMatchObject({ cluster: 'huge', tablesLeftOut: true, panic: { crosses: false } });
  expect(previews[0]).not.toHaveProperty('movedKeys');
  expect(previews[1]).toMatchObject({ cluster: 'small', movedKeys: '0.0%' });
});

test('all keys move to nowhere when nobody is left', async () => {
  const told = await preview(clusterOf(maglev, endpoints(2)), clusterOf(maglev, []));
  expect(told).toMatchObject({ movedKeys: '100.0%', panic: { crosses: false, priorities: [] } });
  expect(told).not.toHaveProperty('skew');
});

test('others have their turn meanwhile', async () => {
  turns = 0;
  const two = clusterOf({ ...maglev, tableSize: 262_147 }, endpoints(2));
  await preview(two, two);
  expect(turns).toBeGreaterThan(20);
});

test('endpoints are taken in the order in which nodes are told of them', () => {
  const zones = ['b', 'a', '', 'a', 'b', '', 'a'];
  const written = zones.map((zone, index) => {
    return {
      address: `10.0.0.${(index * 7) % 12}`,
      port: 80 + (index % 2),
      priority: index % 2,
      ...(zone && { zone }),
    };
  });
  const documents = setOf(JSON.stringify({ kind: 'Cluster', name: 'orders', spec: { endpoints: written } }));
  const cluster = documents.get('Cluster', undefined, 'orders')!;
  const { endpoints: localities = [] } = clusterLoadAssignment(cluster, false);
  const told = localities.flatMap(({ lb_endpoints = [] }) =>
    lb_endpoints.map(({ endpoint }) => {
      const { address, port_value } = endpoint?.address?.socket_address ?? {};
      return `${address}:${port_value}`;
    }),
  );
  expect(levelsOf(cluster.spec, nobody).flatMap((level) => level.endpoints.map(endpointKey))).toEqual(told);
});
