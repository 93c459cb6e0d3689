/** The state-of-the-world rules by the case numbers of xds-server-cases.md. */
import { describe, expect, test } from 'vitest';
import type { XdsType } from './ports.ts';
import { Conversation, type Said } from './testing/conversation.ts';
import type { Contents } from './testing/snapshots.ts';

const fullState = ['clusters', 'listeners'] as const;
const partial = ['endpoints', 'routes'] as const;
const all = [...fullState, ...partial] as const;

/** A client that asked for `names` of a type with `contents`, got its answer and acknowledged it. */
function settled(type: XdsType, contents: Record<string, number>, names: readonly string[]): Conversation {
  const talk = new Conversation('sotw', { [type]: contents } as Contents);
  talk.ask(type, names);
  expect(talk.ack(type)).toEqual([]);
  return talk;
}

const said = (type: XdsType, ...resources: string[]): Said[] => [{ type, resources }];
const abc = { a: 1, b: 1, c: 1 };

describe.each(all)('%s', (type) => {
  const publish = (talk: Conversation, contents: Record<string, number>): Said[] =>
    talk.publish({ [type]: contents } as Contents);

  test('2. an ACK is not answered', () => {
    const talk = settled(type, abc, ['a', 'b']);
    expect(talk.ack(type)).toEqual([]);
  });

  test('6. every response has a nonce of its own, and another version when the content changed', () => {
    const talk = settled(type, abc, ['a']);
    const first = talk.newest(type);
    publish(talk, { ...abc, a: 2 });
    const second = talk.newest(type);
    expect(second.nonce).not.toBe(first.nonce);
    expect(second.version).not.toBe(first.version);
  });

  test('7. a nonce of an earlier stream does not make the first request stale', () => {
    const talk = new Conversation('sotw', { [type]: abc } as Contents);
    expect(talk.ask(type, ['a'], { nonce: '17' })).toEqual(said(type, 'a'));
  });

  test('11. what was asked before any configuration existed is answered when it does', () => {
    const talk = new Conversation('sotw');
    expect(talk.ask(type, ['a'])).toEqual([]);
    expect(publish(talk, abc)).toEqual(said(type, 'a'));
  });

  test('14. a named subscription gets those and no others', () => {
    const talk = new Conversation('sotw', { [type]: { ...abc, d: 1 } } as Contents);
    expect(talk.ask(type, ['d', 'b'])).toEqual(said(type, 'b', 'd'));
  });

  test('17. a missing name keeps nothing back, and is sent once it exists', () => {
    const talk = new Conversation('sotw', { [type]: { a: 1 } } as Contents);
    expect(talk.ask(type, ['a', 'z'])).toEqual(said(type, 'a'));
    talk.ack(type);
    const [response] = publish(talk, { a: 1, z: 1 });
    expect(response?.resources).toEqual(type === 'clusters' || type === 'listeners' ? ['a', 'z'] : ['z']);
  });

  test('20. a name added at an unchanged version is answered at once, at that version, and only once', () => {
    const talk = settled(type, abc, ['a']);
    const { version } = talk.newest(type);
    const [response] = talk.ask(type, ['a', 'b']);
    expect(response?.resources).toContain('b');
    expect(talk.newest(type).version).toBe(version);
    expect(talk.ack(type)).toEqual([]);
  });

  test('21. a shrinking set is silent', () => {
    const talk = settled(type, abc, ['a', 'b', 'c']);
    expect(talk.ask(type, ['a', 'b'])).toEqual([]);
  });

  test('22. a dropped name triggers nothing any more', () => {
    const talk = settled(type, abc, ['c', 'a', 'b']);
    talk.ask(type, ['a']);
    expect(publish(talk, { ...abc, b: 2 })).toEqual([]);
    expect(publish(talk, { ...abc, a: 2, b: 2 })).toEqual(said(type, 'a'));
  });

  test.each([[[]], [['']]])('23. after unsubscribing from all with %j there is silence', (list) => {
    const talk = settled(type, abc, ['a', 'b']);
    expect(talk.ask(type, list)).toEqual([]);
    expect(publish(talk, { ...abc, b: 2 })).toEqual([]);
  });

  test('24. a name that was dropped and is named again is sent again, unchanged', () => {
    const talk = settled(type, abc, ['a', 'b']);
    talk.ask(type, ['a']);
    const [response] = talk.ask(type, ['a', 'b']);
    expect(response?.resources).toContain('b');
  });

  test('27. an explicit * comes and goes, and an empty list after it means nothing', () => {
    const talk = settled(type, abc, ['*']);
    expect(talk.newest(type).resources).toEqual(['a', 'b', 'c']);
    expect(talk.ask(type, ['*', 'a'])).toEqual([]);
    expect(talk.ask(type, ['*', 'b'])).toEqual([]);
    expect(talk.ask(type, ['b'])).toEqual([]);
    expect(publish(talk, { ...abc, a: 2 })).toEqual([]);
    expect(talk.ask(type, [])).toEqual([]);
    expect(publish(talk, { ...abc, b: 2 })).toEqual([]);
    expect(talk.ask(type, ['*'])).toEqual(said(type, 'a', 'b', 'c'));
  });

  test('29. from wildcard to names that are known: quiet, and new resources are no concern of it', () => {
    const talk = settled(type, { ...abc, d: 1 }, ['*']);
    expect(talk.ask(type, ['a', 'c', 'd'])).toEqual([]);
    expect(publish(talk, { ...abc, d: 1, e: 1 })).toEqual([]);
    const [response] = publish(talk, { ...abc, a: 2, d: 1, e: 1 });
    expect(response?.resources).toEqual(type === 'clusters' || type === 'listeners' ? ['a', 'c', 'd'] : ['a']);
  });

  test('32. a nonce that was never sent is not answered, and its list does not count', () => {
    const talk = settled(type, abc, ['a', 'b']);
    expect(talk.ask(type, [], { nonce: 'xyz' })).toEqual([]);
    expect(talk.ask(type, ['a', 'b'])).toEqual([]);
    expect(publish(talk, { ...abc, b: 2 })).toHaveLength(1);
  });

  test('33. names of a stale request are kept, and not answered while a newer response is out', () => {
    const talk = new Conversation('sotw', { [type]: abc } as Contents);
    talk.ask(type, ['a']);
    const { nonce } = talk.newest(type);
    talk.nowMs = 500;
    publish(talk, { ...abc, a: 2 });
    expect(talk.ask(type, ['a', 'b'], { nonce })).toEqual([]);
    const [response] = talk.ask(type, ['a', 'b']);
    expect(response?.resources).toContain('b');
  });

  test('34. a second request without a nonce comes from a client that lost its state: all is answered again', () => {
    const talk = settled(type, abc, ['a', 'b']);
    expect(talk.ask(type, ['a', 'b'], { nonce: '' })).toEqual(said(type, 'a', 'b'));
  });

  test('35. only an error detail makes a NACK, and it is not answered', () => {
    const talk = new Conversation('sotw', { [type]: abc } as Contents);
    talk.ask(type, ['a']);
    expect(talk.ack(type, 'no such filter')).toEqual([]);
    expect(talk.verdicts).toEqual(['nack 1']);
  });

  test('37. after a NACK nothing is sent again until the content changes', () => {
    const talk = new Conversation('sotw', { [type]: abc } as Contents);
    talk.ask(type, ['a']);
    expect(talk.ack(type, 'refused')).toEqual([]);
    expect(talk.turn()).toEqual([]);
    expect(publish(talk, abc)).toEqual([]);
    expect(publish(talk, { ...abc, a: 2 })).toEqual(said(type, 'a'));
    expect(talk.ack(type)).toEqual([]);
    expect(talk.verdicts).toEqual(['nack 1', 'ack 2']);
  });

  test('38. an error detail on the first response is a NACK, not a first request', () => {
    const talk = new Conversation('sotw', { [type]: abc } as Contents);
    talk.ask(type, ['a']);
    expect(talk.ask(type, ['a'], { error: 'refused' })).toEqual([]);
  });

  test('39. a name added by a NACK is honoured', () => {
    const talk = new Conversation('sotw', { [type]: abc } as Contents);
    talk.ask(type, ['a']);
    const [response] = talk.ask(type, ['a', 'b'], { error: 'refused' });
    expect(response?.resources).toEqual(type === 'clusters' || type === 'listeners' ? ['a', 'b'] : ['b']);
  });

  test('42. the first request of a stream is answered in full, whatever version it names', () => {
    const talk = new Conversation('sotw', { [type]: abc } as Contents);
    expect(talk.ask(type, ['a', 'b'], { nonce: '' })).toEqual(said(type, 'a', 'b'));
  });

  test('47. a request that names fewer resources than there are is answered', () => {
    const talk = new Conversation('sotw', { [type]: abc, clusters: abc, listeners: abc } as Contents);
    expect(talk.ask(type, ['b'])).toEqual(said(type, 'b'));
  });

  test('A8. of two requests in the queue only the later needs an answer', () => {
    const talk = new Conversation('sotw', { [type]: abc } as Contents);
    expect(talk.hear(type, ['a']).hear(type, ['a', 'b']).turn()).toEqual(said(type, 'a', 'b'));
  });

  test('A9. a name that is given twice, or beside the wildcard, is sent once', () => {
    const talk = new Conversation('sotw', { [type]: abc } as Contents);
    expect(talk.ask(type, ['a', 'a'])).toEqual(said(type, 'a'));
    const both = new Conversation('sotw', { [type]: abc } as Contents);
    expect(both.ask(type, ['*', 'a'])).toEqual(said(type, 'a', 'b', 'c'));
  });

  test('A10. a request without an error detail is an ACK, whatever version it names', () => {
    const talk = new Conversation('sotw', { [type]: abc } as Contents);
    talk.ask(type, ['a']);
    talk.ask(type, ['a'], { nonce: talk.newest(type).nonce });
    expect(talk.verdicts).toEqual(['ack 1']);
  });

  test('A14. identical content is silent', () => {
    const talk = settled(type, abc, ['*']);
    expect(publish(talk, { ...abc })).toEqual([]);
  });
});

describe.each(fullState)('%s, whose responses carry the full set', (type) => {
  const publish = (talk: Conversation, contents: Record<string, number>): Said[] =>
    talk.publish({ [type]: contents } as Contents);

  test('12. an empty first list is everything', () => {
    const talk = new Conversation('sotw', { [type]: abc } as Contents);
    expect(talk.ask(type, [])).toEqual(said(type, 'a', 'b', 'c'));
  });

  test('13. a change under the wildcard resends the full set', () => {
    const talk = settled(type, abc, []);
    expect(publish(talk, { ...abc, a: 2 })).toEqual(said(type, 'a', 'b', 'c'));
  });

  test('15. a change of one named resource resends all named ones', () => {
    const talk = settled(type, { ...abc, d: 1 }, ['b', 'd']);
    expect(publish(talk, { ...abc, b: 2, d: 1 })).toEqual(said(type, 'b', 'd'));
  });

  test('19. an empty first answer lets the client go on; then there is silence', () => {
    const talk = new Conversation('sotw', {});
    expect(talk.ask(type, [])).toEqual(said(type));
    expect(talk.newest(type).version).not.toBe('');
    expect(talk.ack(type)).toEqual([]);
  });

  test('25. an empty list after names is not the wildcard', () => {
    const talk = settled(type, abc, []);
    expect(talk.ask(type, ['a'])).toEqual([]);
    expect(talk.ask(type, [])).toEqual([]);
    expect(publish(talk, { ...abc, a: 2 })).toEqual([]);
  });

  test('26. the wildcard of an empty list goes on as * and ends with it', () => {
    const talk = settled(type, abc, []);
    expect(talk.ask(type, ['*', 'a'])).toEqual([]);
    expect(publish(talk, { ...abc, b: 2 })).toEqual(said(type, 'a', 'b', 'c'));
    expect(talk.ask(type, ['a'])).toEqual([]);
    expect(publish(talk, abc)).toEqual([]);
    expect(talk.ask(type, [])).toEqual([]);
    expect(publish(talk, { ...abc, a: 2 })).toEqual([]);
  });

  test('28. from names to the wildcard at one version: the full set, without a new version', () => {
    const talk = settled(type, abc, ['a', 'b']);
    const { version } = talk.newest(type);
    expect(talk.ask(type, ['*'])).toEqual(said(type, 'a', 'b', 'c'));
    expect(talk.newest(type).version).toBe(version);
  });

  test('40. a removal is a response without the resource, down to an empty one, with a new version', () => {
    const talk = settled(type, { a: 1, b: 1 }, []);
    const { version } = talk.newest(type);
    expect(publish(talk, { a: 1 })).toEqual(said(type, 'a'));
    talk.ack(type);
    expect(publish(talk, {})).toEqual(said(type));
    expect(talk.newest(type).version).not.toBe(version);
    const named = settled(type, { a: 1, b: 1 }, ['a']);
    expect(publish(named, { b: 1 })).toEqual(said(type));
  });

  test('A7. the wildcard sees additions', () => {
    const talk = settled(type, abc, []);
    expect(publish(talk, { ...abc, d: 1 })).toEqual(said(type, 'a', 'b', 'c', 'd'));
  });
});

describe.each(partial)('%s, whose responses carry what changed', (type) => {
  const publish = (talk: Conversation, contents: Record<string, number>): Said[] =>
    talk.publish({ [type]: contents } as Contents);

  test('16. a change of one named resource sends that one', () => {
    const talk = settled(type, { ...abc, d: 1 }, ['b', 'd']);
    expect(publish(talk, { ...abc, b: 2, d: 1 })).toEqual(said(type, 'b'));
  });

  test('18. as long as no requested name exists there is silence', () => {
    const talk = new Conversation('sotw', { [type]: abc } as Contents);
    expect(talk.ask(type, ['z'])).toEqual([]);
    expect(publish(talk, { ...abc, z: 1 })).toEqual(said(type, 'z'));
  });

  test('28. from names to the wildcard at one version: what was not known, without a new version', () => {
    const talk = settled(type, abc, ['a', 'b']);
    const { version } = talk.newest(type);
    expect(talk.ask(type, ['*'])).toEqual(said(type, 'c'));
    expect(talk.newest(type).version).toBe(version);
  });

  test('30. an empty first list is nothing', () => {
    const talk = new Conversation('sotw', { [type]: abc } as Contents);
    expect(talk.ask(type, [])).toEqual([]);
    expect(publish(talk, { ...abc, a: 2 })).toEqual([]);
  });

  test('31. what was due for an older subscription is dropped with it', () => {
    const talk = new Conversation('sotw', { [type]: abc } as Contents);
    expect(talk.hear(type, ['a']).hear(type, []).turn()).toEqual([]);
  });

  test('36. a NACK that names the version it refuses is a NACK', () => {
    const talk = settled(type, abc, ['a']);
    talk.ask(type, ['a', 'b']);
    talk.ask(type, ['a', 'b'], { error: 'b is malformed' });
    expect(talk.verdicts).toEqual(['ack 1', 'nack 2']);
  });

  test('41. a removal is silent, and a re-creation is sent', () => {
    for (const names of [['a', 'b'], ['*']]) {
      const talk = settled(type, { a: 1, b: 1 }, names);
      expect(publish(talk, { a: 1 })).toEqual([]);
      expect(publish(talk, { a: 1, b: 1 })).toEqual(said(type, 'b'));
    }
  });
});
