import { expect, test } from 'vitest';
import { limits } from './limits.ts';
import { parseDocuments } from './parse.ts';

function values(text: string, format: 'yaml' | 'json' = 'yaml'): unknown[] {
  const parsed = parseDocuments(text, format);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

function refusal(text: string, format: 'yaml' | 'json' = 'yaml'): string {
  const parsed = parseDocuments(text, format);
  if (parsed.ok) return 'accepted';
  const [problem] = parsed.problems;
  expect(parsed.problems).toHaveLength(1);
  expect(problem?.remedy).not.toBe('');
  return `${problem?.code}: ${problem?.detail}`;
}

test('several YAML documents stand in one file, and empty ones are skipped', () => {
  const text = '# first\n---\nkind: A\n---\n---\n# nothing\n---\nkind: B\n...\n';
  expect(values(text)).toEqual([{ kind: 'A' }, { kind: 'B' }]);
  expect(values('')).toEqual([]);
  expect(values('---\n---\n')).toEqual([]);
});

test('JSON is one document, or a list of them', () => {
  expect(values(' {"a":[1,-2.5e3,"\\u00e9\\n",null,true,false,{},[]]} ', 'json')).toEqual([
    { a: [1, -2500, 'é\n', null, true, false, {}, []] },
  ]);
  expect(values('[{"a":1},{"a":2}]', 'json')).toEqual([{ a: 1 }, { a: 2 }]);
});

test('YAML is read as 1.2: off, yes and dates are texts', () => {
  expect(values('a: off\nb: yes\nc: 2026-01-01\nd: 0x10\ne: 012\nf: true\ng: ~')).toEqual([
    { a: 'off', b: 'yes', c: '2026-01-01', d: 16, e: 12, f: true, g: null },
  ]);
});

test('a byte order mark and CR LF line ends do no harm', () => {
  expect(values('\ufeffkind: A\r\nname: b\r\n')).toEqual([{ kind: 'A', name: 'b' }]);
  expect(values('\ufeff{"a":1}', 'json')).toEqual([{ a: 1 }]);
});

test('an anchor may be repeated by aliases', () => {
  expect(values('a: &x {k: 1}\nb: [*x, *x]')).toEqual([{ a: { k: 1 }, b: [{ k: 1 }, { k: 1 }] }]);
});

test('anchors end with their document', () => {
  expect(refusal('a: &x 1\n---\nb: *x\n')).toContain('There is no anchor `&x`');
});

test('a field called __proto__ is a field, and changes no prototype', () => {
  for (const [text, format] of [
    ['__proto__: {polluted: 1}', 'yaml'],
    ['{"__proto__":{"polluted":1}}', 'json'],
  ] as const) {
    const [value] = values(text, format);
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  }
});

test.each([
  ['a: b: c\n', 'malformed: Line 1, column 4'],
  ['kind: A\nspec:\n\tport: 1\n', 'malformed: Line 3, column 1'],
  ['a: [1, 2\nb: 3\n', 'malformed: Line 2, column'],
  ['a: "x\n', 'malformed: Line'],
  ['a: 1\nb: 2\na: 3\n', 'malformed: Line 3, column 1: The field "a" is written twice.'],
  ['a: {b: 1, b: 2}\n', 'malformed: Line 1, column 11: The field "b" is written twice.'],
  ['a: !!binary aGk=\n', 'malformed: Line 1, column 4: Unresolved tag'],
  ['a: !foo x\n', 'malformed: Line 1, column 4: Unresolved tag'],
  ['? [a]\n: 1\n', 'malformed: Line 1, column 3: The name of a field is not a text.'],
  ['a: *b\n', 'malformed: Line 1, column 4: There is no anchor `&b` before this alias.'],
  ['a: &a [*a]\n', 'malformed: Line 1, column 8: The alias `*a` stands inside the value that it repeats.'],
  ['a: 1\n---\nb: [\n', 'malformed: Line'],
])('the YAML %j is refused: %s', (text, refused) => {
  expect(refusal(text)).toContain(refused);
});

test.each([
  ['', 'Line 1, column 1: Here must be a value, not the end of the text.'],
  ['{"a":1', 'Line 1, column 7: Here must be a `,` or `}`, not the end of the text.'],
  ['{\n "a": tru\n}', 'Line 2, column 7: `tru` is no value of JSON.'],
  ['{"a":1,}', 'Line 1, column 8: Here must be the name of a field in double quotes, not "}".'],
  ["{'a':1}", 'Line 1, column 2: Here must be the name of a field in double quotes, not "\'".'],
  ['{"a" 1}', 'Line 1, column 6: Here must be a `:`, not "1".'],
  ['[1,]', 'Line 1, column 4: Here must be a value, not "]".'],
  ['{"a":"x\ny"}', 'Line 1, column 6: This text does not end'],
  ['{"a":"\\x"}', 'Line 1, column 6: This text does not end'],
  ['{"a":01}', 'Line 1, column 7: Here must be a `,` or `}`, not "1".'],
  ['{"a":+1}', 'Line 1, column 6: Here must be a value, not "+".'],
  ['{"a":NaN}', 'Line 1, column 6: `NaN` is no value of JSON.'],
  ['{"a":1,"a":2}', 'Line 1, column 8: The field "a" is written twice.'],
  ['{"a":1} {"b":2}', 'Line 1, column 9: Here must be the end of the text, not "{".'],
  ['😀', 'Line 1, column 1: Here must be a value, not "😀".'],
])('the JSON %j is refused: %s', (text, refused) => {
  expect(refusal(text, 'json')).toContain(`malformed: ${refused}`);
});

test('what JSON.parse takes and gives, ours takes and gives, but for fields written twice', () => {
  const texts = ['0', '-0.0', '1e400', '"\\ud83d\\ude00"', '[[],{}]', '"\\u2028"', ' \t\n\r1', '1E+2', '""', '{"":0}'];
  const wrong = ['-', '1.', '.5', '1e', '"', '[', '{', '[,]', 'nul', '"\t"', '\u00a01', '1 2', '{"a"}', '\\u0031'];
  for (const text of texts) expect(values(`[${text}]`, 'json'), text).toEqual([JSON.parse(text)]);
  for (const text of wrong) {
    expect(() => JSON.parse(text), text).toThrow();
    expect(refusal(text, 'json'), text).toContain('malformed');
  }
});

test('the index says which document of the file is malformed', () => {
  const parsed = parseDocuments('a: 1\n---\nb: 2\n---\nc: [\n', 'yaml');
  expect(parsed.ok ? [] : parsed.problems.map(({ index }) => index)).toEqual([2]);
});

const billionLaughs = [
  'a0: &a0 [x, x, x, x, x, x, x, x, x, x]',
  ...Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`).join(', ')}]`),
].join('\n');

const tooDeep = 'too-large: Line 1';
test.each([
  ['a billion laughs', billionLaughs, 'yaml', 'too-large: Line 5, column'],
  ['deep flow lists', '['.repeat(100_000), 'yaml', tooDeep],
  ['deep flow objects', '{a: '.repeat(100_000), 'yaml', tooDeep],
  ['deep block lists', '- '.repeat(100_000), 'yaml', tooDeep],
  ['deep keys', '? '.repeat(100_000), 'yaml', tooDeep],
  ['deep block objects', Array.from({ length: 500 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), 'yaml', 'too-large'],
  ['deep closed lists', `${'['.repeat(40)}${']'.repeat(40)}`, 'yaml', tooDeep],
  ['deep JSON', '['.repeat(1_000_000), 'json', tooDeep],
  ['many documents', '---\na: 1\n'.repeat(limits.documentsPerFile + 1), 'yaml', 'too-large: The file holds more than'],
  ['many JSON documents', `[${'0,'.repeat(limits.documentsPerFile)}0]`, 'json', 'too-large: The file holds more than'],
  ['many parts', '"'.repeat(2_100_000), 'yaml', 'too-large'],
  ['many bytes', 'é'.repeat(limits.fileBytes / 2 + 1), 'yaml', 'too-large: The text is longer than 4 MiB'],
] as const)('%s are refused', (_, text, format, refused) => {
  expect(refusal(text, format)).toContain(refused);
});

test('what is nested as deep as allowed is read', () => {
  const depth = limits.nesting;
  expect(values(`${'['.repeat(depth)}${']'.repeat(depth)}`)).toHaveLength(1);
  expect(values(`[${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}]`, 'json')).toHaveLength(1);
});
