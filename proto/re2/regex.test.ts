import { expect, test } from 'vitest';
import { parse } from './parse.ts';
import { compileTest, readRegex } from './regex.ts';
import { programSize } from './size.ts';

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const atoms = [
  'a',
  'b',
  '/',
  'ab',
  '[a-c]',
  '[^/]',
  '.',
  '\\d',
  '\\w',
  '\\W',
  '\\s',
  '[^ab]',
  '\\.',
  '-',
  '\\b',
  '\\B',
];
const more = ['^', '$', '(?i:b)', 'A', '[\\d-]', '[]a]', '\\x61', '(?:)', '\\D', '[A-Z]', '\\/'];
const counts = ['*', '+', '?', '{2}', '{1,3}', '{2,}', '*?', '+?', '??', '{0}'];

function written(random: () => number, depth: number): string {
  const pick = (list: readonly string[]): string => list[Math.floor(random() * list.length)]!;
  const kind = depth === 0 ? 0 : random();
  if (kind < 0.3) return pick([...atoms, ...more]);
  if (kind < 0.6) return written(random, depth - 1) + written(random, depth - 1);
  if (kind < 0.8) return `(${written(random, depth - 1)}|${written(random, depth - 1)})`;
  return `(?:${written(random, depth - 1)})${pick(counts)}`;
}

const seed = Number(process.env['SEED'] ?? 11);
test(`whole texts match as they do in JavaScript, where both mean the same (SEED=${seed})`, () => {
  const random = randomFrom(seed);
  const letters = 'abABc/.-1 \n\u00e9';
  for (let round = 0; round < 1500; round++) {
    const regex = written(random, 4);
    // JavaScript has no bracket that comes first in a class
    const theirs = new RegExp(`^(?:${regex.replaceAll('[]a]', '[\\]a]')})$`);
    const ours = compileTest(regex);
    for (let i = 0; i < 20; i++) {
      const text = Array.from({ length: Math.floor(random() * 8) }, () => letters[Math.floor(random() * 12)]!).join('');
      expect([regex, text, ours(text)]).toEqual([regex, text, theirs.test(text)]);
    }
  }
});

test.each<[string, string, boolean]>([
  ['(?i)/API/.*', '/api/X', true],
  ['(?i:a)b', 'AB', false],
  ['(?s).', '\n', true],
  ['.', '\n', false],
  ['(?m)^a$\n^b$', 'a\nb', true],
  ['\\Aa\\z', 'a', true],
  ['[[:digit:][:upper:]]+', '1A', true],
  ['[[:^digit:]]', '1', false],
  ['(?P<name>a)(?<other>b)', 'ab', true],
  ['a{,2}', 'a{,2}', true],
  ['a{x}', 'a{x}', true],
  ['\\x{41}\\101\\t', 'AA\t', true],
  ['[a\\-c]', '-', true],
  // bytes: a letter of two bytes is two characters
  ['.', '\u00c3\u00a9', false],
  ['caf\u00e9', 'caf\u00c3\u00a9', true],
])('the regex %j and the text %j: %s', (regex, text, expected) => {
  expect(compileTest(regex)(text)).toBe(expected);
});

test.each([
  ['(', 'missing )'],
  [')', 'unexpected )'],
  ['[a', 'missing ]: [a'],
  ['[b-a]', 'invalid character class range'],
  ['[[:nope:]]', 'invalid character class range: [:nope:]'],
  ['*', 'no argument for repetition operator: *'],
  ['a**', 'bad repetition operator: **'],
  ['a{2}{3}', 'bad repetition operator: {2}{'],
  ['a{1001}', 'bad repetition operator: {1001}'],
  ['(a{100}){100}', 'bad repetition operator: {100}'],
  ['a{2,1}', 'bad repetition operator: {2,1}'],
  ['\\', 'trailing \\'],
  ['(a)\\1', 'invalid escape sequence: \\1'],
  ['(?=a)', 'invalid or unsupported Perl syntax: (?=a'],
  ['(?<!a)', 'invalid or unsupported Perl syntax: (?<!'],
  ['\\pL', 'invalid escape sequence: \\p'],
  ['(?P<a>x)(?P<a>y)', 'duplicate capture group name: a'],
  ['('.repeat(300), 'too many groups inside one another'],
])('the regex %j is refused: %s', (regex, message) => {
  expect(() => parse(regex)).toThrow(message);
});

// as Envoy 1.40 says with `re2.max_program_size.warn_level: 0`
test.each([
  [5, 'a'],
  [4, '^abc$'],
  [12, '^/api/v[0-9]+/items$'],
  [8, 'a*b*c'],
  [10, 'a?b?c?'],
  [11, '(ab|cd)e'],
  [21, '/v1/[^/]+/items/[^/]+'],
  [12, 'a{2,5}'],
  [7, 'a{2,}'],
  [8, '(?i)skip'],
  [11, '(?i)/api/.*'],
  [9, '\\bfoo\\b'],
  [8, '(a|b|c)*d'],
  [16, '[a-zA-Z0-9_.-]+@[a-z]+\\.com'],
  [4, '^.*$'],
  [12, '/x(/.*)?'],
  [19, '[[:alpha:]]{1,8}'],
  [17, '(\\w+)-(\\w+)'],
  [44, 'x{0,20}'],
])('RE2 makes a program of %i steps of %s', (size, regex) => {
  expect(programSize(parse(regex))).toBe(size);
});

test('programs of 100 steps are taken, and no larger ones', () => {
  expect(readRegex('a{96}')).toMatchObject({ ok: true });
  expect(readRegex('a{97}')).toEqual({ ok: false, message: 'has RE2 program size 101; 100 is the most' });
  expect(readRegex('((a{9}){9}){9}')).toMatchObject({ ok: false });
  expect(readRegex('a'.repeat(5000))).toMatchObject({ ok: false });
});

test('the time is linear in the text, whatever the regex', async () => {
  for (const regex of ['(a*)*b', '(a|aa)+$', '(.*a){10}', '(a?){30}a*b', '(a|b|ab)*c']) {
    const test = compileTest(regex);
    const fastestMs = (length: number): number => {
      const text = `${'a'.repeat(length)}!`;
      const timesMs = Array.from({ length: 5 }, () => {
        const start = performance.now();
        expect(test(text)).toBe(false);
        return performance.now() - start;
      });
      return Math.min(...timesMs);
    };
    fastestMs(6_000);
    // ten times the text: 10 if it is linear, 100 if it is quadratic; others on the machine can only add to it
    await expect.poll(() => fastestMs(60_000) / fastestMs(6_000)).toBeLessThan(40);
  }
});

test('an expression that makes ever new states forgets the old ones', () => {
  const random = randomFrom(3);
  const test = compileTest('.*a.{12}');
  for (let round = 0; round < 20; round++) {
    const text = Array.from({ length: 500 }, () => (random() < 0.5 ? 'a' : 'b')).join('');
    expect(test(text)).toBe(text[487] === 'a');
  }
});
