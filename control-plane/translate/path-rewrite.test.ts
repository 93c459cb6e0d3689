import { expect, test } from 'vitest';
import { prefixRewrite } from './path-rewrite.ts';

const regex = (pattern: string, substitution: string) => ({
  regex_rewrite: { pattern: { regex: pattern }, substitution },
});

test.each([
  ['prefix', '/api', '/', regex('^/api/*', '/')],
  ['prefix', '/api', '/v2', { prefix_rewrite: '/v2' }],
  ['prefix', '/api', '/v2/', { prefix_rewrite: '/v2' }],
  ['prefix', '/a.b', '/', regex('^/a\\.b/*', '/')],
  ['prefix', '/', '/v2', regex('^/+', '/v2/')],
  ['prefix', '/', '/', {}],
  ['rawPrefix', '/api/', '/v2', regex('^/api/+', '/v2/')],
  ['rawPrefix', '/api', '/v2', { prefix_rewrite: '/v2' }],
  ['exact', '/api', '/v2/', { prefix_rewrite: '/v2/' }],
] as const)('%s %s to %s', (type, value, to, expected) => {
  const match = {
    path: { type, value },
    ignoreCase: false,
    methods: [],
    headers: [],
    query: [],
    fractionPercent: null,
  };
  expect(prefixRewrite(match, to)).toEqual(expected);
  if ('regex_rewrite' in expected) {
    const { pattern } = expected.regex_rewrite;
    expect(prefixRewrite({ ...match, ignoreCase: true }, to)).toEqual(
      regex(`(?i)${pattern.regex}`, expected.regex_rewrite.substitution),
    );
  }
});
