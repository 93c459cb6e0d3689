import { expect, test } from 'vitest';
import type { Subscribed } from './decode/resources.ts';
import { type Kind, type Missing, Warmer } from './warmer.ts';

interface Thing {
  readonly label: string;
  readonly from: Subscribed | null;
}

/** Things whose part is a text; what is built tells of both. */
function world() {
  const held = new Map<string, string>();
  const missing = new Map<string, Missing>();
  const kind: Kind<Thing, string, { readonly said: string }> = {
    parts: { get: (name) => held.get(name), missing: (name) => missing.get(name) },
    source: ({ from }) => from,
    inline: () => 'inline',
    empty: () => '',
    isEmpty: (part) => part === '',
    build: ({ label }, part) => ({ said: `${label} with ${part || 'nothing'}` }),
  };
  const warmer = new Warmer(kind);
  return {
    warmer,
    come: (source: string, part: string) => {
      held.set(source, part);
      missing.delete(source);
      warmer.partChanged(source);
    },
    miss: (source: string, why: Missing) => {
      held.delete(source);
      missing.set(source, why);
      warmer.partChanged(source);
    },
    forget: (source: string) => {
      held.delete(source);
      missing.delete(source);
    },
    isHeld: (source: string) => held.has(source),
    said: (name: string) => warmer.configs.get(name)?.said,
  };
}

const thing = (label: string, source: string | null): Thing => ({
  label,
  from: source === null ? null : { name: source, fetchTimeoutMs: null },
});

test.each<[law: string, why: Missing, expected: string]>([
  ['a part that does not come takes nothing from what serves', 'unanswered', 'old with part'],
  ['a part that expired is gone, and the new form takes over without it', 'expired', 'new with nothing'],
])('%s', (_law, why, expected) => {
  const { warmer, come, miss, said } = world();
  warmer.put('t', thing('old', 'a'));
  come('a', 'part');
  warmer.put('t', thing('new', 'b'));
  miss('b', why);
  expect(said('t')).toBe(expected);
});

test('a form without a part gives way to the next one at once, part or not', () => {
  const { warmer, miss, said } = world();
  warmer.put('t', thing('old', 'a'));
  miss('a', 'unanswered');
  expect(said('t')).toBe('old with nothing');
  warmer.put('t', thing('new', 'b'));
  expect(said('t')).toBe('old with nothing');
  miss('b', 'unanswered');
  expect(said('t')).toBe('new with nothing');
});

test('a part that is taken away stays with the form that has it, and with the next form of the same source', () => {
  const { warmer, come, miss, said } = world();
  warmer.put('t', thing('old', 'a'));
  come('a', 'part');
  miss('a', 'unanswered');
  warmer.put('t', thing('new', 'a'));
  expect(said('t')).toBe('new with part');
  warmer.put('u', thing('other', 'a'));
  expect(said('u')).toBe('other with nothing');
});

test('a name given up and asked for again between two requests is neither', () => {
  const { warmer } = world();
  warmer.put('t', thing('x', 'a'));
  expect(warmer.takeSourceChanges()).toEqual({ added: ['a'], removed: [] });
  warmer.put('t', undefined);
  warmer.put('t', thing('x', 'a'));
  warmer.put('u', thing('y', 'b'));
  warmer.put('u', undefined);
  expect(warmer.takeSourceChanges()).toEqual({ added: [], removed: [] });
});

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`seed of the changes: ${seed} (SEED=${seed} repeats them)`);

test('after any changes, what is asked for is what newest and serving forms need, and the untouched is the same', () => {
  let state = seed;
  // Lehmer's generator
  const below = (count: number) => (state = (state * 48_271 + 11) % 2_147_483_647) % count;
  const { warmer, come, miss, forget, isHeld } = world();
  const sources = ['a', 'b', 'c', 'd'];
  const names = ['1', '2', '3'];
  const newest = new Map<string, Thing>();
  const asked = new Set<string>();
  const known = new Set<string>();
  for (let round = 0; round < 5_000; round++) {
    const before = warmer.configs;
    const name = names[below(3)]!;
    const source = sources[below(4)]!;
    const touchesPart = below(2) === 0 && asked.has(source);
    if (touchesPart) {
      known.add(source);
      if (below(3) > 0) come(source, `part ${below(3)}`);
      else miss(source, below(2) === 0 ? 'unanswered' : 'expired');
    } else if (below(4) === 0) {
      newest.delete(name);
      warmer.put(name, undefined);
    } else {
      const next = thing(`form ${round}`, below(5) === 0 ? null : source);
      newest.set(name, next);
      warmer.put(name, next);
    }
    const { added, removed } = warmer.takeSourceChanges();
    for (const one of added) {
      expect(asked.has(one)).toBe(false);
      asked.add(one);
    }
    for (const one of removed) {
      expect(asked.delete(one)).toBe(true);
      known.delete(one);
      forget(one);
    }
    const needed = [...newest.values()].flatMap(({ from }) => from?.name ?? []);
    expect(needed.every((one) => asked.has(one))).toBe(true);
    expect(warmer.settled).toBe(needed.every((one) => known.has(one)));
    for (const one of asked) if (!needed.includes(one)) expect(isHeld(one) || known.has(one)).toBe(true);
    for (const [one, config] of warmer.configs) {
      expect(newest.has(one)).toBe(true);
      if (!touchesPart && one !== name) expect(config).toBe(before.get(one));
    }
    for (const [one, { from }] of newest) {
      if (from === null || known.has(from.name)) expect(warmer.configs.has(one)).toBe(true);
    }
  }
});
