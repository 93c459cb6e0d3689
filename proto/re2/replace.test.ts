import { expect, test } from 'vitest';
import { compileReplace } from './regex.ts';
import { substitutionFault } from './replace.ts';

test.each([
  ['^/api/*', '/', '/api/7', '/7'],
  ['^/api/*', '/', '/api', '/'],
  ['^/api/*', '/', '/x/api/7', '/x/api/7'],
  ['a', 'b', 'aXa', 'bXb'],
  ['(\\w+)-(\\w+)', '\\2-\\1', '/a-b/c-d', '/b-a/d-c'],
  ['/(\\d+)(/x)?', '/n\\1\\2', '/12/y', '/n12/y'],
  ['a*', 'X', 'baac', 'XbXcX'],
  ['', '-', 'ab', '-a-b-'],
  ['a|ab', 'X', 'abab', 'XbXb'],
  ['(a|ab)(c|bcd)', '[\\1|\\2]', 'abcd', '[a|bcd]'],
  ['a+?', '-', 'aaa', '---'],
  ['(a+)(a*)', '\\2', 'aaa', ''],
  ['\\bfoo\\b', 'bar', 'foo foox foo', 'bar foox bar'],
  ['x', '\\\\\\0', 'x', '\\x'],
])('%s to %s makes %s into %s', (regex, substitution, text, expected) => {
  expect(compileReplace(regex, substitution)(text)).toBe(expected);
});

test('what would take too long is given up', () => {
  const text = '/a'.repeat(30_000);
  expect(compileReplace('^/a', '/b')(text)).toBe(`/b${text.slice(2)}`);
  expect(compileReplace('(/a.*)+b|/', '')(text)).toBeUndefined();
});

test('a substitution names groups that are there', () => {
  expect(substitutionFault('\\1\\0\\\\', 1)).toBeUndefined();
  expect(substitutionFault('\\2', 1)).toBe('holds \\2, but the regex has 1 groups');
  expect(substitutionFault('a\\', 1)).toBe('holds \\; a backslash stands before a digit or another one');
});
