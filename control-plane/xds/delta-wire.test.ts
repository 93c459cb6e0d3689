/**
 * The incremental cases of xds-server-cases.md as a client on a real socket meets them, for every type, on ADS and on the
 * type's own service. No response may be one too many: that is checked at each test's end.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { hasLegacyWildcard, pushOrder, type XdsType } from '../../proto/type-urls.ts';
import { everywhere, type Place, type Stored, type Told, WireTalk } from './testing/wire-talk.ts';

const abc = { a: 1, b: 1, c: 1 };

let open: WireTalk | undefined;

async function start(type: XdsType, place: Place, stored?: Stored): Promise<WireTalk> {
  return (open = await WireTalk.start('delta', type, place, stored));
}

/** A client that subscribed, got its answer and acknowledged it. */
async function settled(type: XdsType, place: Place, stored: Stored, sub: readonly string[]): Promise<WireTalk> {
  const talk = await start(type, place, stored);
  expect(await talk.change({ sub })).toHaveLength(1);
  expect(await talk.ack()).toEqual([]);
  return talk;
}

function said(resources: readonly string[], removed?: readonly string[]): Told[] {
  return [removed === undefined ? { resources } : { resources, removed }];
}

afterEach(async () => {
  await open?.stop();
  open = undefined;
});

describe.each(everywhere('delta'))('%s on %s', (type, place) => {
  test('7. 42. 63. a nonce of an earlier stream means nothing in the first request', async () => {
    const talk = await start(type, place, abc);
    expect(await talk.change({ sub: ['a'], nonce: '7' })).toEqual(said(['a']));
  });

  test('11. what was asked before any configuration existed is answered when it does', async () => {
    const talk = await start(type, place);
    expect(await talk.change({ sub: ['a'] })).toEqual([]);
    expect(await talk.publish(abc)).toEqual(said(['a']));
  });

  test('50. 66. * brings everything, each with its version; the ACK is silent', async () => {
    const talk = await settled(type, place, abc, ['*']);
    const { resources, versions, removed, version } = talk.newest;
    expect([resources, removed]).toEqual([['a', 'b', 'c'], []]);
    expect(version).not.toBe('');
    expect(versions).toEqual({ a: talk.version('a'), b: talk.version('b'), c: talk.version('c') });
  });

  test('51. * over nothing is one empty response; the first resource is pushed', async () => {
    const talk = await settled(type, place, {}, ['*']);
    expect(talk.newest.resources).toEqual([]);
    expect(await talk.publish({ a: 1 })).toEqual(said(['a']));
  });

  test('52. 53. one after another, and only what changed', async () => {
    const talk = await settled(type, place, abc, ['a']);
    expect(await talk.change({ sub: ['b'] })).toEqual(said(['b']));
    await talk.ack();
    const before = talk.newest;
    expect(await talk.publish({ ...abc, a: 2, c: 2 })).toEqual(said(['a']));
    expect(talk.newest.nonce).not.toBe(before.nonce);
    expect(talk.newest.versions['a']).not.toBe(before.versions['b']);
  });

  test('54. a missing name is reported, beside one that exists and alone, and sent once it exists', async () => {
    const talk = await settled(type, place, { a: 1 }, ['a', 'b']);
    expect(talk.newest).toMatchObject({ resources: ['a'], removed: ['b'] });
    expect(await talk.change({ sub: ['z'] })).toEqual(said([], ['z']));
    await talk.ack();
    expect(await talk.publish({ a: 1, b: 1 })).toEqual(said(['b']));
  });

  test('55. removal, return, and one change of many kinds', async () => {
    const talk = await settled(type, place, abc, ['a', 'b', 'c']);
    expect(await talk.publish({ a: 1, c: 1 })).toEqual(said([], ['b']));
    await talk.ack();
    expect(await talk.publish({ a: 1, b: 2, c: 1 })).toEqual(said(['b']));
    await talk.ack();
    expect(await talk.publish({ a: 2, c: 1, d: 1 })).toEqual(said(['a'], ['b']));
  });

  test('55. the removal of everything, and its return', async () => {
    const talk = await settled(type, place, abc, ['*']);
    expect(await talk.publish({})).toEqual(said([], ['a', 'b', 'c']));
    await talk.ack();
    expect(await talk.publish(abc)).toEqual(said(['a', 'b', 'c']));
  });

  test('11. 55. the end of the group is the removal of everything, and its return is told', async () => {
    const talk = await settled(type, place, abc, ['a', 'b']);
    talk.harness.cache.remove('edge');
    expect(await talk.said()).toEqual(said([], ['a', 'b']));
    await talk.ack();
    expect(await talk.publish(abc)).toEqual(said(['a', 'b']));
  });

  test('56. 57. dropping is silent and effective, and what was never subscribed is no matter', async () => {
    const talk = await settled(type, place, abc, ['a', 'b']);
    expect(await talk.change({ unsub: ['something'] })).toEqual([]);
    expect(await talk.change({ unsub: ['b'] })).toEqual([]);
    expect(await talk.publish({ ...abc, b: 2 })).toEqual([]);
    expect(await talk.publish({ a: 1, c: 1 })).toEqual([]);
    expect(await talk.advance(60_000)).toEqual([]);
  });

  test('56. after dropping all there is silence, and naming one again sends it again', async () => {
    const talk = await settled(type, place, abc, ['a', 'b']);
    expect(await talk.change({ unsub: ['a', 'b'] })).toEqual([]);
    expect(await talk.publish({ ...abc, c: 2 })).toEqual([]);
    expect(await talk.change({ sub: ['b'] })).toEqual(said(['b']));
  });

  test('58. naming again what is known and current sends it again, under * too', async () => {
    const talk = await settled(type, place, abc, ['a']);
    expect(await talk.change({ sub: ['a'] })).toEqual(said(['a']));
    await talk.ack();
    expect(await talk.change({ sub: ['*'] })).toEqual(said(['b', 'c']));
    await talk.ack();
    expect(await talk.change({ sub: ['b'] })).toEqual(said(['b']));
  });

  test('59. names that are dropped under * are sent or reported, unchanged', async () => {
    const talk = await settled(type, place, { e1: 1, e2: 1 }, ['*']);
    expect(await talk.change({ sub: ['e2', 'e4'] })).toEqual(said(['e2'], ['e4']));
    await talk.ack();
    expect(await talk.change({ unsub: ['e2', 'e4'] })).toEqual(said(['e2'], ['e4']));
    await talk.ack();
    expect(await talk.publish({ e1: 2, e2: 2 })).toEqual(said(['e1', 'e2']));
  });

  test('60. after * the names remain', async () => {
    const talk = await settled(type, place, { e1: 1, e2: 1, e3: 1 }, ['e1']);
    for (const sub of [['*'], ['e2']]) {
      await talk.change({ sub });
      await talk.ack();
    }
    expect(await talk.change({ unsub: ['*'] })).toEqual([]);
    expect(await talk.publish({ e1: 2, e2: 2, e3: 2 })).toEqual(said(['e1', 'e2']));
    await talk.ack();
    expect(await talk.publish({ e1: 2, e2: 2 })).toEqual([]);
  });

  test('62. * subscribed and dropped at once, and a drop alone, are nothing', async () => {
    for (const first of [{ sub: ['*'], unsub: ['*'] }, { unsub: ['a'] }]) {
      const talk = await start(type, place, abc);
      expect(await talk.change(first)).toEqual([]);
      expect(await talk.publish({ ...abc, a: 2 })).toEqual([]);
      await talk.stop();
    }
    open = undefined;
  });

  test('62. a name in both lists ends dropped', async () => {
    const talk = await settled(type, place, abc, ['a']);
    expect(await talk.change({ sub: ['b'], unsub: ['b'] })).toEqual([]);
    expect(await talk.publish({ ...abc, b: 2 })).toEqual([]);
  });

  test('63. what the client holds is not sent again: some, all, all of everything, an old version', async () => {
    const expected: [sub: string[], held: string[], told: Told[]][] = [
      [['a', 'b'], ['b'], said(['a'])],
      [['a', 'b'], ['a', 'b'], []],
      [['*'], ['a', 'b', 'c'], said([])],
    ];
    for (const [sub, held, told] of expected) {
      const talk = await start(type, place, abc);
      const irv = Object.fromEntries(held.map((name) => [name, talk.version(name)]));
      expect(await talk.change({ sub, irv })).toEqual(told);
      await talk.stop();
    }
    const talk = await start(type, place, abc);
    expect(await talk.change({ sub: ['a'], irv: { a: 'old' } })).toEqual(said(['a']));
  });

  test('64. what is gone meanwhile is reported', async () => {
    const talk = await start(type, place, { static: 1 });
    const irv = { static: '', update: '' };
    expect(await talk.change({ sub: ['static', 'update'], irv })).toEqual(said(['static'], ['update']));
  });

  test('64. held and not named: under * kept, sent if it changed, reported if gone; without * removed', async () => {
    const wild = await start(type, place, { here: 1, changed: 1 });
    const irv = { here: wild.version('here'), changed: 'old', gone: 'x' };
    expect(await wild.change({ sub: ['*'], irv })).toEqual(said(['changed'], ['gone']));
    await wild.stop();
    const named = await start(type, place, { here: 1, other: 1 });
    expect(await named.change({ sub: ['other'], irv })).toEqual(said(['other'], ['changed', 'gone', 'here']));
  });

  test('65. 68. later versions held are not read, and a request without a nonce is no new beginning', async () => {
    const talk = await settled(type, place, abc, ['a']);
    const irv = { b: talk.version('b'), zombie: '1' };
    expect(await talk.change({ sub: ['b'], irv })).toEqual(said(['b']));
    await talk.ack();
    expect(await talk.change()).toEqual([]);
    expect(await talk.publish({ ...abc, c: 2 })).toEqual([]);
  });

  test('35. 37. 66. a NACK is noted and silent; what it refused is sent again when it changes or is asked for', async () => {
    const talk = await start(type, place, abc);
    await talk.change({ sub: ['a', 'b'] });
    expect(await talk.ack('a is malformed')).toEqual([]);
    expect(talk.harness.observer.lines.at(-1)).toBe(`nacked ${type} 1 a is malformed`);
    expect(await talk.advance(60_000)).toEqual([]);
    expect(await talk.publish({ ...abc, b: 2 })).toEqual(said(['b']));
    await talk.ack();
    expect(await talk.change({ sub: ['a'] })).toEqual(said(['a']));
    await talk.ack('a is malformed');
    expect(await talk.publish({ ...abc, a: 3, b: 2 })).toEqual(said(['a']));
  });

  test('39. 67. 68. subscriptions count in a NACK, with a stale nonce, in an ACK', async () => {
    const talk = await start(type, place, { ...abc, d: 1 });
    await talk.change({ sub: ['a'] });
    expect(await talk.change({ nonce: talk.newest.nonce, error: 'refused', sub: ['b'] })).toEqual(said(['b']));
    await talk.ack();
    expect(await talk.change({ nonce: 'stale', sub: ['c'] })).toEqual(said(['c']));
    expect(await talk.change({ nonce: talk.newest.nonce, sub: ['d'], unsub: ['a'] })).toEqual(said(['d']));
    await talk.ack();
    expect(talk.harness.observer.verdicts).toBe(4);
    expect(await talk.publish({ ...abc, a: 2, d: 1 })).toEqual([]);
  });

  test.each(['both', 'the newer'])(
    '49. changes merge behind an un-ACKed response; the client ACKs %s',
    async (which) => {
      const talk = await start(type, place, abc);
      await talk.change({ sub: ['a', 'b'] });
      const { nonce } = talk.newest;
      expect(await talk.publish({ ...abc, a: 2 })).toEqual([]);
      expect(await talk.publish({ ...abc, a: 2, b: 2 })).toEqual([]);
      expect(await talk.advance(500)).toEqual(said(['a', 'b']));
      expect(await talk.advance(60_000)).toEqual([]);
      expect(await talk.change(which === 'both' ? { nonce } : { unsub: ['nothing'] })).toEqual([]);
      expect(await talk.ack()).toEqual([]);
      expect(await talk.publish({ ...abc, a: 3, b: 2 })).toEqual(said(['a']));
    },
  );

  test('A9. a name twice, and beside *, is sent once', async () => {
    const talk = await start(type, place, abc);
    expect(await talk.change({ sub: ['*', 'a', 'a'] })).toEqual(said(['a', 'b', 'c']));
  });

  test('A14. identical content is silent', async () => {
    const talk = await settled(type, place, abc, ['*']);
    expect(await talk.publish({ ...abc })).toEqual([]);
  });
});

describe.each(everywhere('delta', ['clusters', 'endpoints', 'listeners', 'routes']))(
  '%s on %s, by prefix',
  (type, place) => {
    const stored = { 'p/a': 1, 'p/b': 1, 'q/a': 1, p: 1 };

    test('A17. all of a prefix come, its additions, changes and deletions follow, others do not', async () => {
      const talk = await settled(type, place, stored, ['p/*']);
      expect(talk.newest).toMatchObject({ resources: ['p/a', 'p/b'], removed: [] });
      expect(await talk.publish({ ...stored, 'p/c': 1, 'q/c': 1 })).toEqual(said(['p/c']));
      await talk.ack();
      expect(await talk.publish({ ...stored, 'p/c': 2, 'q/a': 2 })).toEqual(said(['p/c']));
      await talk.ack();
      expect(await talk.publish({ 'p/b': 1, p: 2 })).toEqual(said([], ['p/a', 'p/c']));
      await talk.ack();
      expect(await talk.publish({ 'p/b': 1, 'q/z': 1 })).toEqual([]);
    });

    test('A17. a prefix that is dropped is silent, and sent again when it is asked for again', async () => {
      const talk = await settled(type, place, stored, ['p/*']);
      expect(await talk.change({ unsub: ['p/*'] })).toEqual([]);
      expect(await talk.publish({ ...stored, 'p/a': 2 })).toEqual([]);
      for (const _ of ['again', 'and again']) {
        expect(await talk.change({ sub: ['p/*'] })).toEqual(said(['p/a', 'p/b']));
        await talk.ack();
      }
    });

    test('A17. 59. beside names and *: each once, and what one lets go of the other keeps', async () => {
      const talk = await settled(type, place, stored, ['p/*', 'p/a', 'q/a']);
      expect(talk.newest.resources).toEqual(['p/a', 'p/b', 'q/a']);
      expect(await talk.change({ unsub: ['p/a'] })).toEqual(said(['p/a']));
      await talk.ack();
      expect(await talk.change({ sub: ['*'] })).toEqual(said(['p']));
      await talk.ack();
      expect(await talk.change({ unsub: ['*', 'p/*'] })).toEqual([]);
      expect(await talk.publish({ 'p/a': 2, 'p/b': 2, 'q/a': 2 })).toEqual(said(['q/a']));
    });

    test('A17. 63. 64. a prefix over what the client holds', async () => {
      const talk = await start(type, place, stored);
      const irv = { 'p/a': talk.version('p/a'), 'p/gone': 'x' };
      expect(await talk.change({ sub: ['p/*'], irv })).toEqual(said(['p/b'], ['p/gone']));
    });
  },
);

describe.each(everywhere('delta', pushOrder.filter(hasLegacyWildcard)))(
  '%s on %s, all of which an empty request wants',
  (type, place) => {
    test('50. 60. 61. an empty first request is *, outlives a name, ends with *, and does not come back', async () => {
      const talk = await settled(type, place, abc, []);
      expect(talk.newest.resources).toEqual(['a', 'b', 'c']);
      expect(await talk.change({ sub: ['a'] })).toEqual(said(['a']));
      await talk.ack();
      expect(await talk.publish({ ...abc, a: 2, b: 2 })).toEqual(said(['a', 'b']));
      await talk.ack();
      expect(await talk.change({ unsub: ['*'] })).toEqual([]);
      expect(await talk.publish({ ...abc, a: 3, b: 3 })).toEqual(said(['a']));
      await talk.ack();
      expect(await talk.change({ unsub: ['a'] })).toEqual([]);
      expect(await talk.publish({ a: 9, b: 9 })).toEqual([]);
    });
  },
);

describe.each(
  everywhere(
    'delta',
    pushOrder.filter((type) => !hasLegacyWildcard(type)),
  ),
)('%s on %s', (type, place) => {
  test('30. an empty first request wants nothing', async () => {
    const talk = await start(type, place, abc);
    expect(await talk.change()).toEqual([]);
    expect(await talk.publish({ ...abc, a: 2 })).toEqual([]);
  });
});
