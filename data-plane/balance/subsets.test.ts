import { expect, test } from 'vitest';
import type { SubsetsConfig } from '../model/config.ts';
import { balanceOf, stillWorld } from '../testing.ts';
import type { PoolConfig } from './level.ts';
import { Pool } from './pool.ts';
import { Subsets } from './subsets.ts';
import { pickStats, TestEndpoint } from './testing.ts';

type Labels = Readonly<Record<string, string>>;

const config: PoolConfig = {
  balance: balanceOf({ type: 'round-robin' }),
  overprovisioningPercent: 140,
  weightedPriorityHealth: false,
};
const version = { keys: ['version'], fallback: null };
const stageAndType = { keys: ['stage', 'type'], fallback: null };

function start(labels: Readonly<Record<string, Labels>>, rest: Partial<SubsetsConfig> = {}) {
  const endpoints = Object.entries(labels).map(([name, own]) => new TestEndpoint(name, { labels: own }));
  const stats = {
    lbSubsetsActive: { value: 0 },
    lbSubsetsCreated: { value: 0 },
    lbSubsetsRemoved: { value: 0 },
    lbSubsetsSelected: { value: 0 },
    lbSubsetsFallback: { value: 0 },
  };
  const deps = { world: stillWorld, stats: pickStats(), totalActive: () => 0 };
  const all = new Pool(config, endpoints, deps);
  const settings: SubsetsConfig = { selectors: [version], fallback: 'none', defaultSubset: {}, ...rest };
  const subsets = new Subsets<TestEndpoint>(settings, config, all, deps, stats);
  const update = (now: readonly TestEndpoint[], changed: readonly TestEndpoint[] = []): void => {
    all.update(config, now, new Set(changed));
    subsets.update(config, now, new Set(changed));
  };
  update(endpoints);
  const names = (asked: Labels | null, count: number): string =>
    Array.from({ length: count }, () => subsets.pick(asked, null, [], 0)?.name ?? 'none').join(' ');
  const counts = (): Record<string, number> =>
    Object.fromEntries(Object.entries(stats).map(([name, { value }]) => [name.slice('lbSubsets'.length), value]));
  return { subsets, endpoints, update, names, counts };
}

const versions = { a: { version: '1' }, b: { version: '2' }, c: { version: '1', stage: 'canary' }, d: {} };

test('a request gets the endpoints with the labels that it chooses, each subset in an order of its own', () => {
  const { names, counts } = start(versions);
  expect(names({ version: '1' }, 3)).toBe('a c a');
  expect(names({ version: '2' }, 2)).toBe('b b');
  expect(names({ version: '1' }, 2)).toBe('c a');
  expect(counts()).toEqual({ Active: 2, Created: 2, Removed: 0, Selected: 7, Fallback: 0 });
});

test('labels are chosen by together only as a selector names them', () => {
  const labels = { a: { stage: 'prod', type: 'std' }, b: { stage: 'prod', type: 'big' }, c: { stage: 'prod' } };
  const { names } = start(labels, { selectors: [stageAndType], fallback: 'none' });
  expect(names({ type: 'big', stage: 'prod' }, 1)).toBe('b');
  expect(names({ stage: 'prod' }, 1)).toBe('none');
  expect(names({ stage: 'prod', type: 'std', version: '1' }, 1)).toBe('none');
  // what every object has is no label
  expect(names({ constructor: 'x' }, 1)).toBe('none');
});

test.each([
  ['none', 'none none none none'],
  ['any', 'a b c d'],
  ['default', 'a c a c'],
] as const)('who chooses nothing, or what is not there, gets the fallback: %s', (fallback, expected) => {
  const { names, counts } = start(versions, { fallback, defaultSubset: { version: '1' } });
  expect(names(null, 4)).toBe(expected);
  for (const asked of [{}, { version: '3' }, { other: 'x' }]) expect(names(asked, 4)).toBe(expected);
  expect(counts()).toMatchObject({ Selected: 0, Fallback: fallback === 'none' ? 0 : 16 });
});

test('a selector may have a fallback of its own', () => {
  const { names } = start(versions, { fallback: 'any', selectors: [{ ...version, fallback: 'none' }, stageAndType] });
  expect(names({ version: '3' }, 1)).toBe('none');
  expect(names({ stage: 'prod', type: 'std' }, 2)).toBe('a b');
});

test('subsets come and go with the labels of endpoints', () => {
  const { endpoints, update, names, counts } = start(versions);
  const asked = { version: '3' };
  expect(names(asked, 1)).toBe('none');
  const [a, b, c] = endpoints;
  b!.config = { ...b!.config, labels: { version: '3' } };
  update([a!, b!, c!], [b!]);
  expect(names(asked, 1)).toBe('b');
  expect(names({ version: '2' }, 1)).toBe('none');
  expect(counts()).toMatchObject({ Active: 2, Created: 3, Removed: 1 });
});

test('each subset has its own health and its own panic', () => {
  const { subsets, endpoints, names } = start({
    a: { version: '1' },
    b: { version: '1' },
    c: { version: '1' },
    d: { version: '2' },
  });
  expect(names({ version: '1' }, 3)).toBe('a b c');
  endpoints[1]!.is = 'out';
  subsets.markStale(endpoints[1]!);
  expect(names({ version: '1' }, 3)).toBe('c a c');
  endpoints[3]!.is = 'out';
  subsets.markStale(endpoints[3]!);
  // the only one of its subset is ill, so there health is disregarded
  expect(names({ version: '2' }, 2)).toBe('d d');
});

test('where nothing is new a subset goes on in its order', () => {
  const { endpoints, update, names } = start({ ...versions, e: { version: '1' } });
  expect(names({ version: '1' }, 2)).toBe('a c');
  endpoints[1]!.config = { ...endpoints[1]!.config, weight: 3 };
  update(endpoints, [endpoints[1]!]);
  expect(names({ version: '1' }, 2)).toBe('e a');
});
