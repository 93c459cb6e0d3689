/** The incremental rules by the case numbers of xds-server-cases.md. */
import { describe, expect, test } from 'vitest';
import type { XdsType } from './ports.ts';
import { Conversation, type Said } from './testing/conversation.ts';
import type { Contents } from './testing/snapshots.ts';

const fullState = ['clusters', 'listeners'] as const;
const partial = ['endpoints', 'routes'] as const;
const all = [...fullState, ...partial] as const;
const abc = { a: 1, b: 1, c: 1 };

/** A client that subscribed, got its answer and acknowledged it. */
function settled(type: XdsType, contents: Record<string, number>, sub: readonly string[]): Conversation {
  const talk = new Conversation('delta', { [type]: contents } as Contents);
  expect(talk.change(type, { sub })).toHaveLength(1);
  expect(talk.ack(type)).toEqual([]);
  return talk;
}

describe.each(all)('%s', (type) => {
  const start = (contents?: Record<string, number>): Conversation =>
    new Conversation('delta', contents && ({ [type]: contents } as Contents));
  const publish = (talk: Conversation, contents: Record<string, number>): Said[] =>
    talk.publish({ [type]: contents } as Contents);
  const said = (resources: string[], removed?: string[]): Said[] => [
    removed === undefined ? { type, resources } : { type, resources, removed },
  ];

  test('11. what was asked before any configuration existed is answered when it does', () => {
    const talk = start();
    expect(talk.change(type, { sub: ['a'] })).toEqual([]);
    expect(publish(talk, abc)).toEqual(said(['a']));
  });

  test('50. the wildcard brings everything; an ACK of it is not answered', () => {
    const talk = start(abc);
    expect(talk.change(type, { sub: ['*'] })).toEqual(said(['a', 'b', 'c']));
    expect(talk.ack(type)).toEqual([]);
    expect(talk.verdicts).toEqual(['ack 1']);
  });

  test('51. the wildcard over nothing is answered once, with nothing; the first resource is pushed', () => {
    const talk = start({});
    expect(talk.change(type, { sub: ['*'] })).toEqual(said([]));
    expect(talk.ack(type)).toEqual([]);
    expect(publish(talk, { a: 1 })).toEqual(said(['a']));
  });

  test('52. subscribing one after another brings one after another', () => {
    const talk = settled(type, abc, ['a']);
    expect(talk.change(type, { sub: ['b'] })).toEqual(said(['b']));
  });

  test('53. only what changed is sent', () => {
    const talk = settled(type, abc, ['a', 'b', 'c']);
    const before = talk.newest(type);
    expect(publish(talk, { ...abc, a: 2 })).toEqual(said(['a']));
    expect(talk.newest(type).nonce).not.toBe(before.nonce);
    expect(talk.newest(type).version).not.toBe(before.version);
  });

  test('54. a name that does not exist is reported, and sent once it does', () => {
    const talk = start({ a: 1 });
    expect(talk.change(type, { sub: ['a', 'b'] })).toEqual(said(['a'], ['b']));
    talk.ack(type);
    expect(talk.change(type, { sub: ['z'] })).toEqual(said([], ['z']));
    talk.ack(type);
    expect(publish(talk, { a: 1, b: 1 })).toEqual(said(['b']));
  });

  test('55. removals and re-creations are told, each alone', () => {
    const talk = settled(type, abc, ['*']);
    expect(publish(talk, { a: 1, c: 1 })).toEqual(said([], ['b']));
    talk.ack(type);
    expect(publish(talk, { a: 1, b: 2, c: 1 })).toEqual(said(['b']));
  });

  test('55. one change of many kinds is one response about what is watched', () => {
    const talk = settled(type, abc, ['a', 'b', 'c']);
    expect(publish(talk, { a: 2, c: 1, d: 1 })).toEqual(said(['a'], ['b']));
  });

  test('56. unsubscribing is silent and effective', () => {
    const talk = settled(type, abc, ['a', 'b']);
    expect(talk.change(type, { unsub: ['b'] })).toEqual([]);
    expect(publish(talk, { ...abc, b: 2 })).toEqual([]);
    expect(publish(talk, { a: 1, c: 1 })).toEqual([]);
  });

  test('57. dropping a name that was never subscribed is ignored', () => {
    const talk = settled(type, abc, ['*']);
    expect(talk.change(type, { unsub: ['something'] })).toEqual([]);
    expect(publish(talk, { ...abc, something: 1 })).toEqual(said(['something']));
  });

  test('58. subscribing again to a name that is known and current sends it again', () => {
    const talk = settled(type, abc, ['a']);
    expect(talk.change(type, { sub: ['a'] })).toEqual(said(['a']));
  });

  test('59. a name dropped under the wildcard is sent although unchanged, or reported as absent', () => {
    const talk = settled(type, { e1: 1, e2: 1 }, ['*']);
    talk.change(type, { sub: ['e2', 'e4'] });
    talk.ack(type);
    expect(talk.change(type, { unsub: ['e2', 'e4'] })).toEqual(said(['e2'], ['e4']));
  });

  test('60. after * was dropped the names remain, and nothing is said of the others', () => {
    const talk = start({ e1: 1, e2: 1, e3: 1 });
    expect(talk.change(type, { sub: ['e1'] })).toEqual(said(['e1']));
    talk.ack(type);
    expect(talk.change(type, { sub: ['*'] })).toEqual(said(['e2', 'e3']));
    talk.ack(type);
    expect(talk.change(type, { sub: ['e2'] })).toEqual(said(['e2']));
    talk.ack(type);
    expect(talk.change(type, { unsub: ['*'] })).toEqual([]);
    expect(publish(talk, { e1: 2, e2: 2, e3: 2 })).toEqual(said(['e1', 'e2']));
  });

  test('62. * in both lists of the first request is nothing', () => {
    const talk = start(abc);
    expect(talk.change(type, { sub: ['*'], unsub: ['*'] })).toEqual([]);
    expect(publish(talk, { ...abc, a: 2 })).toEqual([]);
  });

  test('62. a first request that only drops is no wildcard', () => {
    const talk = start(abc);
    expect(talk.change(type, { unsub: ['a'] })).toEqual([]);
  });

  test('62. a name in both lists ends dropped', () => {
    const talk = settled(type, abc, ['a']);
    expect(talk.change(type, { sub: ['b'], unsub: ['b'] })).toEqual([]);
    expect(publish(talk, { ...abc, b: 2 })).toEqual([]);
  });

  test('63. what the client holds in the current version is not sent again', () => {
    const held = (talk: Conversation, ...names: string[]): Record<string, string> =>
      Object.fromEntries(names.map((name) => [name, talk.version(type, name)]));
    const one = start(abc);
    expect(one.change(type, { sub: ['a', 'b'], irv: held(one, 'b') })).toEqual(said(['a']));
    const both = start(abc);
    expect(both.change(type, { sub: ['a', 'b'], irv: held(both, 'a', 'b') })).toEqual([]);
    const wildcard = start(abc);
    expect(wildcard.change(type, { sub: ['*'], irv: held(wildcard, 'a', 'b', 'c') })).toEqual(said([]));
    const old = start(abc);
    expect(old.change(type, { sub: ['a'], irv: { a: 'old' } })).toEqual(said(['a']));
  });

  test('64. what the client holds and is gone is reported', () => {
    const talk = start({ static: 1 });
    expect(talk.change(type, { sub: ['static', 'update'], irv: { static: '', update: '' } })).toEqual(
      said(['static'], ['update']),
    );
  });

  test('64. what the client holds beyond its subscriptions: kept under the wildcard, removed without it', () => {
    const wildcard = start({ here: 1 });
    const irv = { here: wildcard.version(type, 'here'), gone: 'x' };
    expect(wildcard.change(type, { sub: ['*'], irv })).toEqual(said([], ['gone']));
    const named = start({ here: 1, other: 1 });
    expect(named.change(type, { sub: ['other'], irv })).toEqual(said(['other'], ['gone', 'here']));
  });

  test('65. initial versions are read from the first request only', () => {
    const talk = settled(type, abc, ['a']);
    expect(talk.change(type, { sub: ['b'], irv: { b: talk.version(type, 'b'), zombie: '1' } })).toEqual(said(['b']));
  });

  test('66. a NACK is silent, and what was refused is sent again only when it changes', () => {
    const talk = start(abc);
    talk.change(type, { sub: ['a', 'b'] });
    expect(talk.ack(type, 'a is malformed')).toEqual([]);
    expect(talk.verdicts).toEqual(['nack 1']);
    expect(publish(talk, { ...abc, b: 2 })).toEqual(said(['b']));
    talk.ack(type);
    expect(publish(talk, { ...abc, a: 3, b: 2 })).toEqual(said(['a']));
  });

  test('67. a request with an unknown nonce changes subscriptions all the same', () => {
    const talk = settled(type, abc, ['a']);
    expect(talk.change(type, { sub: ['b'], nonce: 'stale' })).toEqual(said(['b']));
    expect(talk.verdicts).toEqual(['ack 1']);
  });

  test('68. a request without a nonce is no new beginning', () => {
    const talk = settled(type, abc, ['a']);
    expect(talk.change(type, { sub: ['b'] })).toEqual(said(['b']));
    talk.ack(type);
    expect(talk.change(type)).toEqual([]);
    expect(publish(talk, { ...abc, c: 2 })).toEqual([]);
  });

  test('68. an ACK may carry subscriptions', () => {
    const talk = start(abc);
    talk.change(type, { sub: ['a'] });
    const { nonce } = talk.newest(type);
    expect(talk.change(type, { nonce, sub: ['c'], unsub: ['a'] })).toEqual(said(['c']));
    expect(talk.verdicts).toEqual(['ack 1']);
    talk.ack(type);
    expect(publish(talk, { ...abc, a: 2 })).toEqual([]);
  });

  test('A9. a name that is given twice, or that the wildcard covers, is sent once', () => {
    const talk = start(abc);
    expect(talk.change(type, { sub: ['*', 'a', 'a'] })).toEqual(said(['a', 'b', 'c']));
  });

  test('A14. identical content is silent', () => {
    const talk = settled(type, abc, ['*']);
    expect(publish(talk, { ...abc })).toEqual([]);
  });
});

describe.each(fullState)('%s, of which an empty first request wants everything', (type) => {
  test('50. both lists empty are the wildcard', () => {
    const talk = new Conversation('delta', { [type]: abc } as Contents);
    expect(talk.change(type)).toEqual([{ type, resources: ['a', 'b', 'c'] }]);
  });

  test('60. the wildcard of an empty request ends with * too', () => {
    const talk = new Conversation('delta', { [type]: abc } as Contents);
    talk.change(type);
    talk.ack(type);
    talk.change(type, { sub: ['a'] });
    talk.ack(type);
    expect(talk.publish({ [type]: { a: 2, b: 2, c: 2 } } as Contents)).toHaveLength(1);
    expect(talk.newest(type).resources).toEqual(['a', 'b', 'c']);
    talk.ack(type);
    expect(talk.change(type, { unsub: ['*'] })).toEqual([]);
    talk.publish({ [type]: { a: 3, b: 3, c: 3 } } as Contents);
    expect(talk.newest(type).resources).toEqual(['a']);
  });

  test('61. the wildcard of an empty request outlives the naming of a resource, and does not come back', () => {
    const talk = new Conversation('delta', { [type]: abc } as Contents);
    talk.change(type);
    talk.ack(type);
    talk.change(type, { sub: ['a'] });
    talk.ack(type);
    expect(talk.publish({ [type]: { ...abc, b: 2 } } as Contents)).toEqual([{ type, resources: ['b'] }]);
    talk.ack(type);
    expect(talk.change(type, { unsub: ['*'] })).toEqual([]);
    expect(talk.change(type, { unsub: ['a'] })).toEqual([]);
    expect(talk.publish({ [type]: { a: 9, b: 9 } } as Contents)).toEqual([]);
  });
});

describe.each(partial)('%s, of which an empty first request wants nothing', (type) => {
  test('30. both lists empty are nothing', () => {
    const talk = new Conversation('delta', { [type]: abc } as Contents);
    expect(talk.change(type)).toEqual([]);
    expect(talk.publish({ [type]: { ...abc, a: 2 } } as Contents)).toEqual([]);
  });
});
