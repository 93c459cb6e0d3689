import { expect, test } from 'vitest';
import {
  accept,
  changeNames,
  type DeltaState,
  isAskedFor,
  type NamesRequest,
  namedSubscription,
  streamOpened,
  takeRequest,
  wildcardSubscription,
} from './delta-state.ts';

/** Steps of a conversation; `say` is what the next request must be, null if none is due. */
type Step =
  | { add?: string[]; remove?: string[] }
  | { accept: Record<string, string>; removed?: string[] }
  | { say: { sub?: string[]; unsub?: string[]; versions?: Record<string, string> } | null }
  | 'reconnect';

function play(state: DeltaState, steps: readonly Step[]): DeltaState {
  for (const step of steps) {
    if (step === 'reconnect') state = streamOpened(state);
    else if ('accept' in step) state = accept(state, Object.entries(step.accept), step.removed ?? []);
    else if ('say' in step) {
      const taken = takeRequest(state);
      expect(taken === null ? null : sorted(taken.request)).toEqual(
        step.say === null ? null : { sub: [], unsub: [], versions: {}, ...step.say },
      );
      state = taken?.state ?? state;
    } else state = changeNames(state, step.add ?? [], step.remove ?? []);
  }
  return state;
}

function sorted({ subscribe, unsubscribe, versions }: NamesRequest) {
  return { sub: subscribe.toSorted(), unsub: unsubscribe.toSorted(), versions };
}

const started: readonly Step[] = [{ add: ['1', '2', '3'] }, { say: { sub: ['1', '2', '3'] } }];
const wildcardHolding: readonly Step[] = [{ say: {} }, { accept: { a: '1', b: '1' } }];

test.each<[law: string, state: DeltaState, steps: readonly Step[]]>([
  [
    'case 12: changes collapse into one request',
    namedSubscription,
    [
      ...started,
      { add: ['4'] },
      { remove: ['1'] },
      { add: ['5'] },
      { say: { sub: ['4', '5'], unsub: ['1'] } },
      { say: null },
    ],
  ],
  [
    'case 13: a name given back and asked for again is sent, so that the server sends it again',
    namedSubscription,
    [...started, { remove: ['3'] }, { add: ['3'] }, { say: { sub: ['3'] } }],
  ],
  [
    'case 13: a name asked for and given back is sent, so that the server may ignore it',
    namedSubscription,
    [...started, { add: ['4'] }, { remove: ['4'] }, { say: { unsub: ['4'] } }],
  ],
  [
    'case 14: asking for what is asked for, and giving back what is not, says nothing',
    namedSubscription,
    [...started, { add: ['1'], remove: ['9'] }, { say: null }],
  ],
  ['case 15: a type without names is not requested', namedSubscription, [{ say: null }]],
  [
    'case 15: the last name is given back by name, and after a reconnect the type is silent',
    namedSubscription,
    [
      { add: ['a'] },
      { say: { sub: ['a'] } },
      { accept: { a: '1' } },
      { remove: ['a'] },
      { say: { unsub: ['a'] } },
      'reconnect',
      { say: null },
    ],
  ],
  ['case 16: a wildcard is a first request without names', wildcardSubscription, [{ say: {} }, { say: null }]],
  [
    'case 16: with a name beside it, the wildcard must be said after a reconnect',
    wildcardSubscription,
    [{ say: {} }, { add: ['foo'] }, { say: { sub: ['foo'] } }, 'reconnect', { say: { sub: ['*', 'foo'] } }],
  ],
  [
    'case 16: a name that joins before the first request brings the wildcard with it',
    wildcardSubscription,
    [{ add: ['foo'] }, { say: { sub: ['*', 'foo'] } }],
  ],
  [
    'case 16: with the name gone again, a reconnect goes back to saying nothing',
    wildcardSubscription,
    [
      { say: {} },
      { add: ['foo'] },
      { say: { sub: ['foo'] } },
      { remove: ['foo'] },
      { say: { unsub: ['foo'] } },
      'reconnect',
      { say: {} },
    ],
  ],
  [
    'case 17: leaving an unsaid wildcard says so, and forgets what only it brought',
    wildcardSubscription,
    [
      ...wildcardHolding,
      { add: ['a'], remove: ['*'] },
      { say: { sub: ['a'], unsub: ['*'] } },
      'reconnect',
      { say: { sub: ['a'] } },
    ],
  ],
  [
    'case 17: leaving a wildcard with nothing left ends in silence after a reconnect',
    wildcardSubscription,
    [...wildcardHolding, { remove: ['*'] }, { say: { unsub: ['*'] } }, 'reconnect', { say: null }],
  ],
  [
    'case 18: a refused update leaves the last accepted version in place',
    namedSubscription,
    [
      { add: ['a'] },
      { say: { sub: ['a'] } },
      { accept: { a: '1' } },
      'reconnect',
      { say: { sub: ['a'], versions: { a: '1' } } },
    ],
  ],
  [
    'case 10: what was not asked for is not listed after a reconnect',
    namedSubscription,
    [
      { add: ['a'] },
      { say: { sub: ['a'] } },
      { accept: { a: '1', z: '1' } },
      'reconnect',
      { say: { sub: ['a'], versions: { a: '1' } } },
    ],
  ],
  [
    'case 23: a removed resource stays asked for, has no version, and may come back',
    namedSubscription,
    [
      { add: ['a'] },
      { say: { sub: ['a'] } },
      { accept: { a: '1' } },
      { accept: {}, removed: ['a'] },
      { say: null },
      'reconnect',
      { say: { sub: ['a'] } },
      { accept: { a: '2' } },
      'reconnect',
      { say: { sub: ['a'], versions: { a: '2' } } },
    ],
  ],
  [
    'case 24: a name given back under a wildcard is held until the server answers',
    wildcardSubscription,
    [
      ...wildcardHolding,
      { add: ['b'] },
      { say: { sub: ['b'] } },
      { remove: ['b'] },
      { say: { unsub: ['b'] } },
      'reconnect',
      { say: { versions: { a: '1', b: '1' } } },
      { accept: { b: '2' } },
      'reconnect',
      { say: { versions: { a: '1', b: '2' } } },
      { accept: {}, removed: ['b'] },
      'reconnect',
      { say: { versions: { a: '1' } } },
    ],
  ],
  [
    'case 24: a wildcard that is left takes the held-over ones with it',
    wildcardSubscription,
    [
      ...wildcardHolding,
      { add: ['a', 'b'] },
      { say: { sub: ['a', 'b'] } },
      { remove: ['b'] },
      { remove: ['*'] },
      'reconnect',
      { say: { sub: ['a'], versions: { a: '1' } } },
    ],
  ],
  [
    'case 36: the first request after a reconnect names all, also what never came, with the versions of what is held',
    namedSubscription,
    [
      ...started,
      { accept: { 1: 'x', 2: 'y' } },
      { remove: ['3'] },
      { add: ['4'] },
      'reconnect',
      { say: { sub: ['1', '2', '4'], versions: { 1: 'x', 2: 'y' } } },
      { add: ['5'] },
      { say: { sub: ['5'] } },
    ],
  ],
  [
    'case 36: an unsaid wildcard lists all that is held',
    wildcardSubscription,
    [...wildcardHolding, 'reconnect', { say: { versions: { a: '1', b: '1' } } }],
  ],
  [
    'case A7: what was to be said on a dead stream gives way to the full state',
    namedSubscription,
    [...started, { remove: ['1'] }, 'reconnect', { say: { sub: ['2', '3'] } }, { say: null }],
  ],
])('%s', (_law, state, steps) => {
  play(state, steps);
});

test('case 23: a name given back is held no longer', () => {
  const state = play(namedSubscription, [...started, { accept: { 1: 'x' } }, { remove: ['1'] }]);
  expect(state.held.has('1')).toBe(false);
  expect(isAskedFor(state, '1')).toBe(false);
});

test('states are values: an older one is as it was', () => {
  const before = play(namedSubscription, started);
  const copy = structuredClone(before);
  play(before, [{ add: ['4'] }, { accept: { 1: 'x' }, removed: ['2'] }, { remove: ['3'] }, 'reconnect']);
  expect(before).toEqual(copy);
});
