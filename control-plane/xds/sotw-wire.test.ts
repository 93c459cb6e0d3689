/**
 * The state-of-the-world cases of xds-server-cases.md as a client on a real socket meets them, for every type, on ADS and
 * on the type's own service. No response may be one too many: that is checked at each test's end.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { hasLegacyWildcard, isFullStateType, pushOrder, type XdsType } from '../../proto/type-urls.ts';
import { everywhere, type Place, type Stored, stateOfWorld, type Told, WireTalk } from './testing/wire-talk.ts';

const abc = { a: 1, b: 1, c: 1 };
const said = (...resources: string[]): Told[] => [{ resources }];

let open: WireTalk | undefined;

async function start(type: XdsType, place: Place, stored?: Stored): Promise<WireTalk> {
  return (open = await WireTalk.start('sotw', type, place, stored));
}

/** A client that asked for names, got its answer and acknowledged it. */
async function settled(type: XdsType, place: Place, stored: Stored, names: readonly string[]): Promise<WireTalk> {
  const talk = await start(type, place, stored);
  expect(await talk.ask(names)).toHaveLength(1);
  expect(await talk.ack()).toEqual([]);
  return talk;
}

afterEach(async () => {
  await open?.stop();
  open = undefined;
});

describe.each(everywhere('sotw'))('%s on %s', (type, place) => {
  const isFull = isFullStateType(type);
  const world = (all: string[], changed: string[]): Told[] => stateOfWorld(type, all, changed);

  test('2. 6. an ACK is silent; an update has a nonce and a version of its own', async () => {
    const talk = await settled(type, place, abc, ['a', 'b']);
    const first = talk.newest;
    expect(await talk.publish({ ...abc, b: 2 })).toEqual(world(['a', 'b'], ['b']));
    expect(talk.newest.nonce).not.toBe(first.nonce);
    expect(talk.newest.version).not.toBe(first.version);
    expect(await talk.ack()).toEqual([]);
  });

  test('7. 42. the first request of a stream is answered in full, whatever nonce and version it brings', async () => {
    const talk = await start(type, place, abc);
    const version = talk.harness.cache.get('edge')?.types[type].version ?? '';
    expect(await talk.ask(['a', 'b'], { nonce: '7', version })).toEqual(said('a', 'b'));
  });

  test('11. 31. what was asked last before there was a configuration counts when there is', async () => {
    const talk = await start(type, place);
    expect(await talk.hear(['a']).hear(['b']).said()).toEqual([]);
    expect(await talk.publish(abc)).toEqual(said('b'));
  });

  test('31. who has dropped everything before it was answered is not answered', async () => {
    const talk = await start(type, place);
    expect(await talk.hear(['a']).hear([]).said()).toEqual([]);
    expect(await talk.publish(abc)).toEqual([]);
  });

  test('14. names bring what they name and nothing else', async () => {
    const talk = await start(type, place, { ...abc, d: 1 });
    expect(await talk.ask(['d', 'b'])).toEqual(said('b', 'd'));
  });

  test('15. 16. a change of one of two names', async () => {
    const talk = await settled(type, place, { ...abc, d: 1 }, ['b', 'd']);
    expect(await talk.publish({ ...abc, b: 2, d: 1 })).toEqual(world(['b', 'd'], ['b']));
  });

  test('17. a name that does not exist keeps nothing back, and is sent once it exists', async () => {
    const talk = await settled(type, place, { a: 1 }, ['a', 'z']);
    expect(talk.newest.resources).toEqual(['a']);
    expect(await talk.publish({ a: 1, z: 1 })).toEqual(world(['a', 'z'], ['z']));
  });

  test('20. a name that is added at an unchanged version is sent at once, at that version, once', async () => {
    const talk = await settled(type, place, abc, ['a']);
    const { version } = talk.newest;
    expect(await talk.ask(['a', 'b'])).toEqual(world(['a', 'b'], ['b']));
    expect(talk.newest.version).toBe(version);
    expect(await talk.ack()).toEqual([]);
  });

  test('21. 22. a dropped name is silent, and triggers nothing any more', async () => {
    const talk = await settled(type, place, abc, ['c', 'a', 'b']);
    expect(await talk.ask(['a'])).toEqual([]);
    expect(await talk.publish({ ...abc, b: 2 })).toEqual([]);
    expect(await talk.publish({ a: 2, c: 1 })).toEqual(said('a'));
  });

  test.each([[[]], [['']]])('23. unsubscribing from all with %j is silent, and stays so', async (list) => {
    const talk = await settled(type, place, abc, ['a', 'b']);
    expect(await talk.ask(list)).toEqual([]);
    expect(await talk.publish({ ...abc, b: 2 })).toEqual([]);
    expect(await talk.publish({ c: 1 })).toEqual([]);
    expect(await talk.publish({ ...abc, b: 2, d: 1 })).toEqual([]);
    expect(await talk.ask(['b'])).toEqual(said('b'));
  });

  test('24. who drops a name and names it again is sent it again, also after dropping all', async () => {
    const talk = await settled(type, place, abc, ['a', 'b']);
    for (const fewer of [['a'], []]) {
      expect(await talk.ask(fewer)).toEqual([]);
      const [again, ...more] = await talk.ask(['a', 'b']);
      expect(again?.resources).toContain('b');
      expect(more).toEqual([]);
      expect(await talk.ack()).toEqual([]);
    }
  });

  test('27. the life of an explicit *', async () => {
    const talk = await settled(type, place, abc, ['*']);
    expect(talk.newest.resources).toEqual(['a', 'b', 'c']);
    for (const list of [['*', 'a'], ['*', 'b'], ['b']]) expect(await talk.ask(list)).toEqual([]);
    expect(await talk.publish({ ...abc, a: 2 })).toEqual([]);
    expect(await talk.ask([])).toEqual([]);
    expect(await talk.publish({ ...abc, b: 2 })).toEqual([]);
    expect(await talk.ask(['*'])).toEqual(said('a', 'b', 'c'));
  });

  test('28. from names to * at the same version', async () => {
    const talk = await settled(type, place, { b: 1, c: 1, d: 1, e: 1 }, ['a', 'b']);
    const { version } = talk.newest;
    expect(await talk.ask(['*'], { version })).toEqual(world(['b', 'c', 'd', 'e'], ['c', 'd', 'e']));
    expect(talk.newest.version).toBe(version);
  });

  test('29. from * to names: quiet; what is created beside them is no concern, what comes back is', async () => {
    const talk = await settled(type, place, { a: 1, c: 1, d: 1 }, ['*']);
    expect(await talk.ask(['a', 'c', 'd'])).toEqual([]);
    expect(await talk.publish({ a: 1, c: 1, d: 1, e: 1 })).toEqual([]);
    expect(await talk.publish({ c: 1, d: 1, e: 1 })).toEqual(isFull ? said('c', 'd') : []);
    if (isFull) await talk.ack();
    expect(await talk.publish({ a: 1, c: 1, d: 1, e: 1 })).toEqual(world(['a', 'c', 'd'], ['a']));
  });

  test('32. a nonce that was never sent changes nothing; the right one counts', async () => {
    const talk = await start(type, place, abc);
    await talk.ask(['a']);
    const { nonce } = talk.newest;
    expect(await talk.ask(['a', 'b'], { nonce: 'xyz' })).toEqual([]);
    expect(await talk.ask(['a'], { nonce })).toEqual([]);
    expect(talk.harness.observer.count(`acked ${type} ${nonce}`)).toBe(1);
    expect(await talk.publish({ ...abc, b: 2 })).toEqual([]);
  });

  test('33. names of a stale request are not answered, however long it takes, until the newest has its ACK', async () => {
    const talk = await start(type, place, abc);
    await talk.ask(['a']);
    const { nonce } = talk.newest;
    expect(await talk.publish({ ...abc, a: 2 })).toEqual([]);
    expect(await talk.advance(500)).toEqual(said('a'));
    const newest = talk.newest.nonce;
    expect(await talk.ask(['a', 'b'], { nonce })).toEqual([]);
    expect(await talk.advance(5_000)).toEqual([]);
    expect(await talk.ask(['a', 'b'], { nonce: newest })).toEqual(world(['a', 'b'], ['b']));
    expect(await talk.ack()).toEqual([]);
  });

  test('33. what a stale request drops is dropped, and what it adds is followed', async () => {
    const talk = await start(type, place, abc);
    await talk.ask(['a', 'c']);
    const { nonce } = talk.newest;
    await talk.publish({ ...abc, a: 2 });
    await talk.advance(500);
    const newest = talk.newest.nonce;
    expect(await talk.ask(['a', 'b'], { nonce })).toEqual([]);
    await talk.advance(500);
    expect(await talk.publish({ a: 2, b: 1, c: 2 })).toEqual([]);
    expect(await talk.publish({ a: 2, b: 2, c: 2 })).toEqual(world(['a', 'b'], ['b']));
    for (const each of [newest, talk.newest.nonce]) expect(await talk.ask(['a', 'b'], { nonce: each })).toEqual([]);
  });

  test('34. a second request without a nonce is answered as the first', async () => {
    const talk = await settled(type, place, abc, ['a', 'b']);
    expect(await talk.ask(['a', 'b'], { nonce: '' })).toEqual(said('a', 'b'));
    expect(await talk.ack()).toEqual([]);
  });

  test.each([
    ['none', ''],
    ['the one it refuses', undefined],
  ])('35. 36. 37. a NACK with the version %s is noted, not answered; the next content is', async (_what, version) => {
    const talk = await settled(type, place, abc, ['a']);
    await talk.publish({ ...abc, a: 2 });
    const refused = { version: version ?? talk.newest.version, error: 'no such filter' };
    expect(await talk.ask(['a'], refused)).toEqual([]);
    expect(talk.harness.observer.lines.at(-1)).toBe(`nacked ${type} ${talk.newest.nonce} no such filter`);
    expect(await talk.advance(60_000)).toEqual([]);
    expect(await talk.publish({ ...abc, a: 2 })).toEqual([]);
    expect(await talk.publish({ ...abc, a: 3 })).toEqual(said('a'));
    expect(await talk.ack()).toEqual([]);
    expect(await talk.advance(60_000)).toEqual([]);
  });

  test('38. 39. a NACK of the first response is silent, but a name that it adds is sent', async () => {
    const talk = await start(type, place, abc);
    await talk.ask(['a']);
    expect(await talk.ask(['a'], { error: 'refused' })).toEqual([]);
    expect(await talk.ask(['a', 'b'], { error: 'refused' })).toEqual(world(['a', 'b'], ['b']));
    expect(await talk.ack()).toEqual([]);
  });

  test('40. 41. a removal, and a return', async () => {
    const talk = await settled(type, place, { a: 1, b: 1 }, ['a', 'b']);
    expect(await talk.publish({ a: 1 })).toEqual(isFull ? said('a') : []);
    if (isFull) await talk.ack();
    expect(await talk.publish({})).toEqual(isFull ? said() : []);
    if (isFull) await talk.ack();
    expect(await talk.publish({ a: 1, b: 1 })).toEqual(said('a', 'b'));
  });

  test('11. 40. the end of the group is the removal of everything, and its return is told', async () => {
    const talk = await settled(type, place, abc, ['a', 'b']);
    talk.harness.cache.remove('edge');
    expect(await talk.said()).toEqual(isFull ? said() : []);
    if (isFull) await talk.ack();
    expect(await talk.publish(abc)).toEqual(said('a', 'b'));
  });

  test('47. a request for fewer names than there are is answered', async () => {
    const talk = await start(type, place, abc);
    expect(await talk.ask(['b'])).toEqual(said('b'));
  });

  test('49. later changes merge behind the un-ACKed one and go after 500 ms, once; then both are ACKed', async () => {
    const talk = await start(type, place, abc);
    await talk.ask(['a', 'b']);
    const { nonce } = talk.newest;
    expect(await talk.publish({ ...abc, a: 2 })).toEqual([]);
    expect(await talk.publish({ ...abc, a: 2, b: 2 })).toEqual([]);
    expect(await talk.advance(500)).toEqual(said('a', 'b'));
    expect(await talk.advance(60_000)).toEqual([]);
    const newest = talk.newest.nonce;
    for (const each of [nonce, newest]) expect(await talk.ask(['a', 'b'], { nonce: each })).toEqual([]);
    expect(await talk.advance(60_000)).toEqual([]);
    expect(await talk.publish({ ...abc, a: 3, b: 2 })).toEqual(world(['a', 'b'], ['a']));
  });

  test('A8. two requests at once end in the state of the second', async () => {
    const talk = await start(type, place, abc);
    const told = await talk.hear(['a']).hear(['a', 'b']).said();
    expect(told.at(-1)?.resources).toEqual(['a', 'b']);
    expect(await talk.ack()).toEqual([]);
    expect(await talk.publish({ ...abc, b: 2 })).toEqual(world(['a', 'b'], ['b']));
  });

  test.each([
    [['a', 'a'], ['a']],
    [
      ['*', 'a'],
      ['a', 'b', 'c'],
    ],
  ])('A9. %j brings each once', async (list, names) => {
    const talk = await start(type, place, abc);
    expect(await talk.ask(list)).toEqual(said(...names));
  });

  test('A10. an older version without an error detail is an ACK', async () => {
    const talk = await settled(type, place, abc, ['a']);
    const { version } = talk.newest;
    await talk.publish({ ...abc, a: 2 });
    expect(await talk.ask(['a'], { version })).toEqual([]);
    expect(talk.harness.observer.lines.at(-1)).toBe(`acked ${type} ${talk.newest.nonce}`);
  });

  test('A14. identical content is silent', async () => {
    const talk = await settled(type, place, abc, ['*']);
    expect(await talk.publish({ ...abc })).toEqual([]);
  });
});

describe.each(everywhere('sotw', pushOrder.filter(hasLegacyWildcard)))(
  '%s on %s, all of which an empty list wants',
  (type, place) => {
    test('12. 13. A7. an empty list is everything: changes and additions bring the full set', async () => {
      const talk = await settled(type, place, abc, []);
      expect(talk.newest.resources).toEqual(['a', 'b', 'c']);
      expect(await talk.publish({ ...abc, a: 2 })).toEqual(stateOfWorld(type, ['a', 'b', 'c'], ['a']));
      await talk.ack();
      expect(await talk.publish({ ...abc, a: 2, d: 1 })).toEqual(stateOfWorld(type, ['a', 'b', 'c', 'd'], ['d']));
    });

    test('19. everything of nothing is one empty response', async () => {
      const talk = await settled(type, place, {}, []);
      expect(talk.newest.version).not.toBe('');
      expect(talk.newest.resources).toEqual([]);
      expect(await talk.publish({ a: 1 })).toEqual(said('a'));
    });

    test('25. an empty list after a name is nothing', async () => {
      const talk = await settled(type, place, abc, []);
      expect(await talk.ask(['a'])).toEqual([]);
      expect(await talk.ask([])).toEqual([]);
      expect(await talk.publish({ ...abc, a: 2 })).toEqual([]);
    });

    test('26. the wildcard of an empty list goes on as *, and ends with it', async () => {
      const talk = await settled(type, place, abc, []);
      expect(await talk.ask(['*', 'a'])).toEqual([]);
      expect(await talk.publish({ ...abc, b: 2 })).toEqual(stateOfWorld(type, ['a', 'b', 'c'], ['b']));
      expect(await talk.ask(['a'])).toEqual([]);
      expect(await talk.publish({ ...abc, b: 3 })).toEqual([]);
      expect(await talk.ask([])).toEqual([]);
      expect(await talk.publish({ ...abc, a: 2 })).toEqual([]);
    });

    test.runIf(isFullStateType(type))(
      '40. the last one of everything goes with an empty response and a new version',
      async () => {
        const talk = await settled(type, place, { a: 1 }, []);
        const { version } = talk.newest;
        expect(await talk.publish({})).toEqual(said());
        expect(talk.newest.version).not.toBe(version);
      },
    );
  },
);

describe.each(
  everywhere(
    'sotw',
    pushOrder.filter((type) => !hasLegacyWildcard(type)),
  ),
)('%s on %s', (type, place) => {
  test('18. as long as no requested name exists there is silence', async () => {
    const talk = await start(type, place, abc);
    expect(await talk.ask(['z'])).toEqual([]);
    expect(await talk.publish({ ...abc, z: 1 })).toEqual(said('z'));
  });

  test('30. an empty first list is nothing', async () => {
    const talk = await start(type, place, abc);
    expect(await talk.ask([])).toEqual([]);
    expect(await talk.publish({ ...abc, a: 2 })).toEqual([]);
  });
});
