import { expect, test } from 'vitest';
import { buildSnapshot } from './build.ts';
import { SnapshotCache } from './cache.ts';

const snapshot = (group: string, revision: number) =>
  buildSnapshot(group, revision, { clusters: [], endpoints: [], listeners: [], routes: [] });

test('a group has the snapshot that was set last, and none once it is removed', () => {
  const cache = new SnapshotCache();
  expect(cache.get('edge')).toBeUndefined();
  cache.set(snapshot('edge', 1));
  cache.set(snapshot('edge', 2));
  cache.set(snapshot('inner', 3));
  expect(cache.get('edge')?.revision).toBe(2);
  expect(cache.groups()).toEqual(['edge', 'inner']);
  cache.remove('edge');
  expect(cache.get('edge')).toBeUndefined();
});

test('watchers hear of their group after the change, until they stop', () => {
  const cache = new SnapshotCache();
  const heard: (number | undefined)[] = [];
  const stop = cache.watch('edge', () => heard.push(cache.get('edge')?.revision));
  cache.set(snapshot('edge', 1));
  cache.set(snapshot('inner', 2));
  cache.remove('edge');
  cache.remove('edge');
  stop();
  cache.set(snapshot('edge', 3));
  expect(heard).toEqual([1, undefined]);
});

test('a callback that watches twice is called twice, and stopping one leaves the other', () => {
  const cache = new SnapshotCache();
  let calls = 0;
  const onChange = (): void => {
    calls += 1;
  };
  const stop = cache.watch('edge', onChange);
  cache.watch('edge', onChange);
  cache.set(snapshot('edge', 1));
  stop();
  stop();
  cache.set(snapshot('edge', 2));
  expect(calls).toBe(3);
});
