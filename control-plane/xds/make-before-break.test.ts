/** Clusters whose endpoints are checked before they serve, and clients that come from another stream (case 46). */
import { describe, expect, test } from 'vitest';
import { Conversation, type Said } from './testing/conversation.ts';
import type { Contents } from './testing/snapshots.ts';

const both = ['sotw', 'delta'] as const;
const typesOf = (responses: readonly Said[]): string[] => responses.map(({ type }) => type);

const before: Contents = {
  clusters: { x: 1 },
  endpoints: { x: 1 },
  listeners: { public: 1 },
  routes: { public: 'x' },
};
const moved: Contents = {
  ...before,
  clusters: { x: 1, y: 'y@1' },
  endpoints: { x: 1, 'y@1': 1 },
  routes: { public: 'y' },
};

describe.each(both)('%s', (variant) => {
  function subscribe(
    talk: Conversation,
    type: 'clusters' | 'endpoints' | 'routes',
    names: readonly string[] = [],
  ): Said[] {
    return variant === 'sotw' ? talk.ask(type, names) : talk.change(type, { sub: names });
  }

  function settled(contents: Contents): Conversation {
    const talk = new Conversation(variant, contents);
    subscribe(talk, 'clusters');
    talk.ack('clusters');
    subscribe(talk, 'endpoints', Object.keys(contents.endpoints ?? {}));
    talk.ack('endpoints');
    subscribe(talk, 'routes', ['public']);
    talk.ack('routes');
    return talk;
  }

  test('46. routes wait for both ACKs of a new cluster that is checked first: it serves when its own has come', () => {
    const talk = settled(before);
    expect(typesOf(talk.publish(moved))).toEqual(['clusters']);
    expect(typesOf(subscribe(talk, 'endpoints', ['x', 'y@1']))).toEqual(['endpoints']);
    expect(talk.ack('endpoints')).toEqual([]);
    expect(typesOf(talk.ack('clusters'))).toEqual(['routes']);
  });

  test('46. routes wait for a checked cluster no longer than an ACK and its first checks may take', () => {
    const talk = settled(before);
    talk.publish(moved);
    subscribe(talk, 'endpoints', ['x', 'y@1']);
    talk.ack('endpoints');
    talk.nowMs = 2_499;
    expect(talk.turn()).toEqual([]);
    expect(talk.wakeAtMs).toBe(2_500);
    talk.nowMs = 2_500;
    expect(typesOf(talk.turn())).toEqual(['routes']);
  });

  test('46. a new cluster that changes while it warms is waited for anew', () => {
    const talk = settled(before);
    talk.publish(moved);
    subscribe(talk, 'endpoints', ['x', 'y@1', 'y@2']);
    talk.ack('endpoints');
    talk.nowMs = 600;
    const again = { ...moved, clusters: { x: 1, y: 'y@2' }, endpoints: { x: 1, 'y@2': 1 } };
    expect(typesOf(talk.publish(again))).toEqual(['clusters', 'endpoints']);
    talk.ack('endpoints');
    talk.nowMs = 2_600;
    expect(typesOf(talk.turn())).not.toContain('routes');
    expect(talk.wakeAtMs).toBe(3_100);
  });

  test('46. a client that comes from another stream keeps its routes until new clusters are taken', () => {
    const talk = new Conversation(variant, moved);
    if (variant === 'sotw') {
      talk.hear('clusters', [], { version: 'old' }).hear('endpoints', ['x'], { version: 'old' });
      expect(typesOf(talk.ask('routes', ['public'], { version: 'old' }))).toEqual(['clusters', 'endpoints']);
    } else {
      const irv = { x: talk.version('clusters', 'x') };
      talk.hearChange('clusters', { irv });
      talk.hearChange('endpoints', { sub: ['x'], irv: { x: talk.version('endpoints', 'x') } });
      expect(typesOf(talk.change('routes', { sub: ['public'], irv: { public: 'old' } }))).toEqual(['clusters']);
    }
    subscribe(talk, 'endpoints', ['x', 'y@1']);
    talk.ack('endpoints');
    expect(typesOf(talk.ack('clusters'))).toEqual(['routes']);
  });
});

test('54. endpoints that are gone are not reported before the cluster that names them was replaced (delta)', () => {
  const talk = new Conversation('delta', { clusters: { y: 'y@1' }, endpoints: { 'y@1': 1 } });
  talk.change('clusters', { sub: [] });
  expect(talk.publish({ clusters: { y: 'y@2' }, endpoints: { 'y@2': 1 } })).toEqual([]);
  expect(talk.change('endpoints', { sub: ['y@1'] })).toEqual([]);
  expect(talk.ack('clusters')).toEqual([
    { type: 'clusters', resources: ['y'] },
    { type: 'endpoints', resources: [], removed: ['y@1'] },
  ]);
});

test('54. nor to a client that comes from another stream, before it has lost the clusters that are gone (delta)', () => {
  const talk = new Conversation('delta', { ...before, routes: { public: 'x' } });
  talk.hearChange('clusters', { irv: { x: talk.version('clusters', 'x'), y: 'old' } });
  talk.hearChange('endpoints', { sub: ['x', 'y@1'], irv: { x: talk.version('endpoints', 'x') } });
  expect(talk.change('routes', { sub: ['public'], irv: { public: 'old' } })).toEqual([
    { type: 'clusters', resources: [] },
    { type: 'routes', resources: ['public'] },
  ]);
  talk.ack('clusters');
  expect(talk.ack('routes')).toEqual([
    { type: 'clusters', resources: [], removed: ['y'] },
    { type: 'endpoints', resources: [], removed: ['y@1'] },
  ]);
});

test('46. a client from another stream whose clusters still warm asks for them last, and gets its routes after them', () => {
  const talk = new Conversation('delta', moved);
  const irv = { x: talk.version('endpoints', 'x') };
  talk.hearChange('endpoints', { sub: ['x', 'gone@1'], irv });
  // else it would never go on to ask for clusters
  expect(talk.change('routes', { sub: ['public'], irv: { public: 'old' } })).toEqual([
    { type: 'endpoints', resources: [], removed: ['gone@1'] },
  ]);
  expect(talk.wakeAtMs).toBe(2_500);
  talk.ack('endpoints');
  talk.nowMs = 100;
  expect(typesOf(talk.change('clusters', { irv: { x: talk.version('clusters', 'x') } }))).toEqual([
    'clusters',
    'endpoints',
  ]);
  expect(typesOf(talk.change('endpoints', { sub: ['y@1'] }))).toEqual([]);
  talk.ack('endpoints');
  talk.ack('endpoints');
  expect(typesOf(talk.ack('clusters'))).toEqual(['routes']);
});

test('46. a client from another stream that never asks for clusters gets its routes all the same', () => {
  const talk = new Conversation('delta', moved);
  talk.hearChange('endpoints', { sub: ['x'], irv: { x: talk.version('endpoints', 'x') } });
  expect(talk.change('routes', { sub: ['public'], irv: { public: 'old' } })).toEqual([]);
  talk.nowMs = 2_500;
  expect(typesOf(talk.turn())).toEqual(['routes']);
});

describe('46. a proxy that comes from another stream, whose requests come one by one (delta)', () => {
  const after: Contents = { ...before, clusters: { y: 'y@1' }, endpoints: { 'y@1': 1 }, routes: { public: 'y' } };

  /** It holds x, and routes to it; x is gone. Its request of clusters has had its turn before the others came. */
  function returned(contents: Contents): Conversation {
    const talk = new Conversation('delta', contents);
    talk.asksAtOnce = true;
    expect(talk.change('clusters', { irv: { x: 'old' } })).toEqual([
      { type: 'clusters', resources: Object.keys(contents.clusters ?? {}) },
    ]);
    return talk;
  }

  test('keeps its clusters until it has acknowledged routes that do not name them', () => {
    const talk = returned(after);
    expect(typesOf(talk.change('endpoints', { sub: ['x'], irv: { x: 'old' } }))).toEqual([]);
    const irv = { public: talk.version('listeners', 'public') };
    expect(typesOf(talk.change('listeners', { irv }))).toEqual(['listeners']);
    expect(talk.change('routes', { sub: ['public'], irv: { public: 'old' } })).toEqual([]);
    expect(typesOf(talk.ack('clusters'))).toEqual([]);
    expect(typesOf(talk.change('endpoints', { sub: ['y@1'] }))).toEqual(['endpoints']);
    expect(typesOf(talk.ack('endpoints'))).toEqual(['routes']);
    expect(talk.ack('listeners')).toEqual([]);
    expect(talk.ack('routes')).toContainEqual({ type: 'clusters', resources: [], removed: ['x'] });
  });

  test('loses them with its first answer if its routes are the newest', () => {
    const talk = returned({ ...before, clusters: {}, endpoints: {}, routes: { public: '' } });
    const irv = { public: talk.version('routes', 'public') };
    expect(talk.change('routes', { sub: ['public'], irv })).toEqual([]);
    expect(talk.ack('clusters')).toEqual([{ type: 'clusters', resources: [], removed: ['x'] }]);
  });

  test('loses them after 15 s if it answers nothing', () => {
    const talk = returned({ ...before, clusters: {}, endpoints: {}, routes: {} });
    expect(talk.wakeAtMs).toBe(15_000);
    talk.nowMs = 14_999;
    expect(talk.turn()).toEqual([]);
    talk.nowMs = 15_000;
    expect(talk.turn()).toEqual([{ type: 'clusters', resources: [], removed: ['x'] }]);
  });
});
