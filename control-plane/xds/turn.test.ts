/** What the types of one aggregated stream owe each other, by the case numbers of xds-server-cases.md. */
import { describe, expect, test } from 'vitest';
import type { Variant, XdsType } from './ports.ts';
import { Conversation, type Said } from './testing/conversation.ts';
import type { Contents } from './testing/snapshots.ts';

const both = ['sotw', 'delta'] as const;

/** Subscribes to names of a type (none: by the empty list), in either variant. */
function subscribe(talk: Conversation, variant: Variant, type: XdsType, names: readonly string[] = []): Said[] {
  return variant === 'sotw' ? talk.ask(type, names) : talk.change(type, { sub: names });
}

/** A node that took all four types of `contents`. */
function settled(variant: Variant, contents: Contents): Conversation {
  const talk = new Conversation(variant, contents);
  subscribe(talk, variant, 'clusters');
  talk.ack('clusters');
  subscribe(talk, variant, 'endpoints', Object.keys(contents.endpoints ?? {}));
  talk.ack('endpoints');
  subscribe(talk, variant, 'listeners');
  talk.ack('listeners');
  subscribe(talk, variant, 'routes', Object.keys(contents.routes ?? {}));
  talk.ack('routes');
  return talk;
}

const whole: Contents = {
  clusters: { x: 1 },
  endpoints: { x: 1 },
  listeners: { public: 1 },
  routes: { public: 1 },
};

const typesOf = (responses: readonly Said[]): XdsType[] => responses.map(({ type }) => type);

describe.each(both)('%s', (variant) => {
  test('10. a change of one type says nothing about another', () => {
    const talk = settled(variant, whole);
    expect(typesOf(talk.publish({ ...whole, listeners: { public: 2 } }))).toEqual(['listeners']);
    talk.ack('listeners');
    expect(typesOf(talk.publish({ ...whole, listeners: { public: 2 }, routes: { public: 2 } }))).toEqual(['routes']);
  });

  test('44. a changed cluster brings its endpoints again, after it', () => {
    const talk = settled(variant, { ...whole, clusters: { x: 1, y: 1 }, endpoints: { x: 1, y: 1 } });
    const responses = talk.publish({ ...whole, clusters: { x: 2, y: 1 }, endpoints: { x: 1, y: 1 } });
    expect(typesOf(responses)).toEqual(['clusters', 'endpoints']);
    expect(responses[1]?.resources).toEqual(['x']);
    talk.ack('clusters');
    expect(talk.ack('endpoints')).toEqual([]);
  });

  test('44. endpoints that change with their cluster are sent once', () => {
    const talk = settled(variant, whole);
    const responses = talk.publish({ ...whole, clusters: { x: 2 }, endpoints: { x: 2 } });
    expect(typesOf(responses)).toEqual(['clusters', 'endpoints']);
    talk.ack('clusters');
    expect(talk.ack('endpoints')).toEqual([]);
  });

  test('45. one update leaves in the order clusters, endpoints, listeners, routes', () => {
    const talk = settled(variant, whole);
    const responses = talk.publish({
      clusters: { x: 2 },
      endpoints: { x: 2 },
      listeners: { public: 2 },
      routes: { public: 2 },
    });
    expect(typesOf(responses)).toEqual(['clusters', 'endpoints', 'listeners', 'routes']);
  });

  test('46. a new cluster goes before the route that names it, the old one after the route is acknowledged', () => {
    const talk = settled(variant, whole);
    subscribe(talk, variant, 'endpoints', ['x', 'y']);
    if (variant === 'delta') talk.ack('endpoints');
    const moved: Contents = { ...whole, clusters: { y: 1 }, endpoints: { y: 1 }, routes: { public: 2 } };
    const [clusters, endpoints, routes] = talk.publish(moved);
    expect(clusters).toEqual({ type: 'clusters', resources: variant === 'sotw' ? ['x', 'y'] : ['y'] });
    expect(endpoints).toEqual({ type: 'endpoints', resources: ['y'] });
    expect(routes).toEqual({ type: 'routes', resources: ['public'] });
    expect(talk.ack('clusters')).toEqual([]);
    expect(talk.ack('endpoints')).toEqual([]);
    const kept = talk.newest('clusters').version;
    expect(talk.ack('routes')[0]).toEqual(
      variant === 'sotw' ? { type: 'clusters', resources: ['y'] } : { type: 'clusters', resources: [], removed: ['x'] },
    );
    expect(talk.newest('clusters').version).not.toBe(kept);
  });

  test('46. a removal waits for the acknowledgement of the routes, however late, but not for ever', () => {
    const talk = settled(variant, { ...whole, clusters: { x: 1, y: 1 }, endpoints: { x: 1, y: 1 } });
    const moved: Contents = { ...whole, clusters: { y: 1 }, endpoints: { x: 1, y: 1 }, routes: { public: 2 } };
    expect(typesOf(talk.publish(moved))).toEqual(['routes']);
    expect(talk.wakeAtMs).toBe(15_000);
    talk.nowMs = 14_999;
    expect(talk.turn()).toEqual([]);
    talk.nowMs = 15_000;
    expect(typesOf(talk.turn())).toEqual(['clusters']);
  });

  test('46. nothing is removed from under routes that were refused', () => {
    const talk = settled(variant, { ...whole, clusters: { x: 1, y: 1 }, endpoints: { x: 1, y: 1 } });
    const endpoints = { x: 1, y: 1 };
    talk.publish({ ...whole, clusters: { y: 1 }, endpoints, routes: { public: 2 } });
    expect(talk.ack('routes', 'no such cluster')).toEqual([]);
    talk.nowMs = 5000;
    expect(talk.turn()).toEqual([]);
    expect(typesOf(talk.publish({ ...whole, clusters: { y: 1 }, endpoints, routes: { public: 3 } }))).toEqual([
      'routes',
    ]);
    expect(typesOf(talk.ack('routes'))).toEqual(['clusters']);
  });

  test('46. a removal on its own goes at once', () => {
    const talk = settled(variant, { ...whole, clusters: { x: 1, y: 1 }, endpoints: { x: 1, y: 1 } });
    expect(talk.publish({ ...whole, clusters: { x: 1 }, endpoints: { x: 1, y: 1 } })).toEqual([
      variant === 'sotw' ? { type: 'clusters', resources: ['x'] } : { type: 'clusters', resources: [], removed: ['y'] },
    ]);
  });

  test('46. the removal of everything ends with the clients holding nothing', () => {
    const talk = settled(variant, whole);
    const seen = typesOf(talk.publish({}));
    for (let rounds = 0; rounds < 4; rounds++) seen.push(...seen.slice(-1).flatMap((type) => typesOf(talk.ack(type))));
    expect(seen).toEqual(
      variant === 'sotw' ? ['listeners', 'clusters'] : ['listeners', 'routes', 'clusters', 'endpoints'],
    );
  });

  test('46. while new clusters wait for an ACK, the routes that may name them wait with them', () => {
    const talk = settled(variant, whole);
    talk.publish({ ...whole, clusters: { x: 2 } });
    const next: Contents = { ...whole, clusters: { x: 2, y: 1 }, endpoints: { x: 1, y: 1 }, routes: { public: 2 } };
    expect(talk.publish(next)).toEqual([]);
    expect(typesOf(talk.ack('clusters'))).toEqual(['clusters', 'routes']);
  });

  describe('46. routes that lead to a new cluster', () => {
    const before: Contents = { ...whole, routes: { public: 'x' } };
    const moved: Contents = { ...whole, clusters: { y: 1 }, endpoints: { y: 1 }, routes: { public: 'y' } };

    test('wait until the client has acknowledged its endpoints; the old cluster goes after them', () => {
      const talk = settled(variant, before);
      expect(typesOf(talk.publish(moved))).toEqual(['clusters']);
      expect(talk.wakeAtMs).toBe(500);
      expect(talk.ack('clusters')).toEqual([]);
      expect(typesOf(subscribe(talk, variant, 'endpoints', ['x', 'y']))).toEqual(['endpoints']);
      expect(typesOf(talk.ack('endpoints'))).toEqual(['routes']);
      // those that were asked for and are gone are spoken of once no cluster names them
      expect(typesOf(talk.ack('routes'))).toEqual(variant === 'sotw' ? ['clusters'] : ['clusters', 'endpoints']);
    });

    test('wait no longer than an ACK is waited for', () => {
      const talk = settled(variant, before);
      talk.publish(moved);
      talk.ack('clusters');
      talk.nowMs = 500;
      expect(typesOf(talk.turn())).toEqual(['routes']);
    });

    test('wait for the ACK of the cluster where the client takes no endpoints', () => {
      const talk = new Conversation(variant, before);
      subscribe(talk, variant, 'clusters');
      talk.ack('clusters');
      subscribe(talk, variant, 'routes', ['public']);
      talk.ack('routes');
      expect(typesOf(talk.publish(moved))).toEqual(['clusters']);
      expect(typesOf(talk.ack('clusters'))).toEqual(['routes']);
    });

    test('do not wait for a cluster that the client learns of from them', () => {
      const talk = new Conversation(variant, before);
      subscribe(talk, variant, 'routes', ['public']);
      talk.ack('routes');
      subscribe(talk, variant, 'clusters', ['x']);
      talk.ack('clusters');
      expect(typesOf(talk.publish({ ...moved, clusters: { x: 1, y: 1 } }))).toEqual(['routes']);
    });

    test('do not wait for clusters that they do not name', () => {
      const talk = settled(variant, before);
      const next: Contents = { ...moved, clusters: { x: 1, y: 1, z: 1 }, endpoints: { x: 1 } };
      expect(typesOf(talk.publish({ ...next, routes: { public: 'x x' } }))).toEqual(['clusters', 'routes']);
    });
  });

  test('48. endpoints are answered before the clusters are acknowledged', () => {
    const talk = new Conversation(variant, whole);
    subscribe(talk, variant, 'clusters');
    expect(typesOf(subscribe(talk, variant, 'endpoints', ['x']))).toEqual(['endpoints']);
  });

  test('49. changes merge behind an un-ACKed response and go after 500 ms, once', () => {
    const talk = new Conversation(variant, { clusters: { x: 1 } });
    subscribe(talk, variant, 'clusters');
    expect(talk.publish({ clusters: { x: 2 } })).toEqual([]);
    talk.nowMs = 499;
    expect(talk.publish({ clusters: { x: 2, y: 1 } })).toEqual([]);
    expect(talk.wakeAtMs).toBe(500);
    talk.nowMs = 500;
    expect(talk.turn()).toEqual([{ type: 'clusters', resources: ['x', 'y'] }]);
    expect(talk.turn()).toEqual([]);
    expect(talk.wakeAtMs).toBeUndefined();
  });

  test('49. an acknowledgement lets what merged behind it go at once', () => {
    const talk = new Conversation(variant, { clusters: { x: 1 } });
    subscribe(talk, variant, 'clusters');
    talk.publish({ clusters: { x: 2 } });
    talk.publish({ clusters: { x: 3 } });
    expect(talk.ack('clusters')).toEqual([{ type: 'clusters', resources: ['x'] }]);
    expect(talk.ack('clusters')).toEqual([]);
  });

  test('49. the client may acknowledge both responses or only the newer one', () => {
    for (const skipsFirst of [true, false]) {
      const talk = new Conversation(variant, { clusters: { x: 1 } });
      subscribe(talk, variant, 'clusters');
      const first = talk.newest('clusters').nonce;
      talk.nowMs = 500;
      talk.publish({ clusters: { x: 2 } });
      if (!skipsFirst) {
        if (variant === 'sotw') talk.ask('clusters', [], { nonce: first });
        else talk.change('clusters', { nonce: first });
      }
      expect(talk.ack('clusters')).toEqual([]);
      expect(talk.verdicts).toEqual(skipsFirst ? ['ack 2'] : ['ack 1', 'ack 2']);
      expect(typesOf(talk.publish({ clusters: { x: 3 } }))).toEqual(['clusters']);
    }
  });

  test('49. for a client that does not read, nothing is added to what is being written', () => {
    const talk = new Conversation(variant, { clusters: { x: 1 } });
    subscribe(talk, variant, 'clusters');
    talk.writing.add('clusters');
    talk.nowMs = 10_000;
    expect(talk.publish({ clusters: { x: 2 } })).toEqual([]);
    expect(talk.wakeAtMs).toBeUndefined();
    talk.writing.clear();
    expect(talk.turn()).toHaveLength(1);
  });

  test('A12. a refusal of clusters holds nothing else back', () => {
    const talk = settled(variant, whole);
    talk.publish({ ...whole, clusters: { x: 2 } });
    talk.ack('endpoints');
    expect(talk.ack('clusters', 'refused')).toEqual([]);
    const next: Contents = { clusters: { x: 2 }, endpoints: { x: 2 }, listeners: { public: 2 }, routes: { public: 2 } };
    expect(typesOf(talk.publish(next))).toEqual(['endpoints', 'listeners', 'routes']);
  });

  test('A13. what did not change keeps its version', () => {
    const talk = settled(variant, whole);
    const { version } = talk.newest('routes');
    talk.publish({ ...whole, clusters: { x: 2 } });
    expect(talk.newest('routes').version).toBe(version);
    expect(talk.snapshot.types.routes.version).toBe(version);
  });

  test('what concerns others is told as current, and what is held back as waiting', () => {
    const talk = new Conversation(variant, { ...whole, routes: { public: 1, other: 1 } });
    subscribe(talk, variant, 'routes', ['public']);
    talk.ack('routes');
    talk.publish({ ...whole, routes: { public: 1, other: 2 } });
    expect(talk.effects).toEqual([{ kind: 'current', type: 'routes', version: talk.snapshot.types.routes.version }]);
    talk.publish({ ...whole, routes: { public: 2, other: 2 } });
    talk.publish({ ...whole, routes: { public: 3, other: 2 } });
    expect(talk.effects).toEqual([{ kind: 'waiting', type: 'routes', version: talk.snapshot.types.routes.version }]);
  });
});

test('43. endpoints asked for before the clusters are answered again after them (sotw)', () => {
  const talk = new Conversation('sotw', whole);
  expect(typesOf(talk.ask('endpoints', ['x'], { nonce: 'of an earlier stream' }))).toEqual(['endpoints']);
  expect(typesOf(talk.ask('clusters', []))).toEqual(['clusters']);
  expect(talk.ask('endpoints', ['x'])).toEqual([{ type: 'endpoints', resources: ['x'] }]);
  expect(talk.ask('endpoints', ['x'])).toEqual([]);
});

test('69. endpoints asked for before the clusters are sent again after them, though nobody asks (delta)', () => {
  const talk = new Conversation('delta', whole);
  talk.change('endpoints', { sub: ['x'], irv: { x: talk.version('endpoints', 'x') } });
  const irv = { x: talk.version('clusters', 'x') };
  expect(talk.change('clusters', { irv })).toEqual([
    { type: 'clusters', resources: [] },
    { type: 'endpoints', resources: ['x'] },
  ]);
});

describe('69. a client that reconnects with clusters before endpoints (delta)', () => {
  const talkTo = (contents: Contents): { talk: Conversation; held: (type: XdsType) => Record<string, string> } => {
    const talk = new Conversation('delta', contents);
    return { talk, held: (type) => ({ x: talk.version(type, 'x') }) };
  };

  test('is sent nothing again if it holds everything, be its requests answered together or one by one', () => {
    const apart = talkTo(whole);
    expect(apart.talk.change('clusters', { irv: apart.held('clusters') })).toEqual([
      { type: 'clusters', resources: [] },
    ]);
    expect(apart.talk.change('endpoints', { sub: ['x'], irv: apart.held('endpoints') })).toEqual([]);
    const together = talkTo(whole);
    together.talk.hearChange('clusters', { irv: together.held('clusters') });
    together.talk.hearChange('endpoints', { sub: ['x'], irv: together.held('endpoints') });
    expect(together.talk.turn()).toEqual([{ type: 'clusters', resources: [] }]);
  });

  test('is sent the endpoints that it holds, where their cluster has changed meanwhile', () => {
    for (const together of [true, false]) {
      const { talk, held } = talkTo({ clusters: { x: 2, y: 1 }, endpoints: { x: 1, y: 1 } });
      const irv = { ...held('endpoints'), y: talk.version('endpoints', 'y') };
      const responses: Said[] = [];
      talk.hearChange('clusters', { irv: { x: 'old', y: talk.version('clusters', 'y') } });
      if (!together) responses.push(...talk.turn());
      responses.push(...talk.change('endpoints', { sub: ['x', 'y'], irv }));
      expect(responses).toEqual([
        { type: 'clusters', resources: ['x'] },
        { type: 'endpoints', resources: ['x'] },
      ]);
      talk.ack('clusters');
      expect(talk.ack('endpoints')).toEqual([]);
    }
  });
});

test('46. a client that reconnects keeps a removed cluster until it has the routes without it (delta)', () => {
  const talk = new Conversation('delta', { ...whole, routes: { public: 2 } });
  const heldRoutes = { public: 'old' };
  talk.change('listeners', { irv: { public: talk.version('listeners', 'public') } });
  talk.ack('listeners');
  talk.change('routes', { sub: ['public'], irv: heldRoutes });
  const irv = { x: talk.version('clusters', 'x'), gone: 'old' };
  expect(talk.change('clusters', { irv })).toEqual([{ type: 'clusters', resources: [] }]);
  talk.ack('clusters');
  expect(talk.ack('routes')).toEqual([{ type: 'clusters', resources: [], removed: ['gone'] }]);
});
