import { expect, test } from 'vitest';
import { fixedPart } from './fixed-part.ts';

test.each([
  ['exact', '/a/b', '/a/b'],
  ['rawPrefix', '/a/b', '/a/b'],
  ['template', '/v1/{id}/items', '/v1/'],
  ['template', '/v1/items', '/v1/items'],
  ['regex', '/api/v[0-9]+', '/api/v'],
  ['regex', '^/api/.*', '/api/'],
  ['regex', '/a\\.b/\\d', '/a.b/'],
  ['regex', '/ab?c', '/a'],
  ['regex', '/ab*c', '/a'],
  ['regex', '/ab{2}', '/a'],
  ['regex', '/ab+', '/ab'],
  ['regex', '/(a|b)/c', '/'],
  ['regex', '/a|/b', ''],
  ['regex', '/[|]', '/'],
  ['regex', '/[]|]x', '/'],
  ['regex', '(?i)/api', ''],
  ['regex', '/a(?i:b)', ''],
  ['regex', '/a(?:b)', '/a'],
  ['regex', '.*', ''],
] as const)('%s %s begins with %j', (type, value, expected) => {
  expect(fixedPart({ type, value })).toBe(expected);
});
