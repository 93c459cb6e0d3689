import { expect, test } from 'vitest';
import { type Difference, diffDocuments, mergePatch } from './diff.ts';

test.each<[unknown, unknown, Difference[]]>([
  [{ a: 1 }, { a: 1 }, []],
  [{ a: 1 }, { a: 2 }, [{ path: '/a', op: 'replace', before: 1, after: 2 }]],
  [{ a: 1 }, {}, [{ path: '/a', op: 'remove', before: 1 }]],
  [{}, { a: null }, [{ path: '/a', op: 'add', after: null }]],
  [undefined, { a: 1 }, [{ path: '', op: 'add', after: { a: 1 } }]],
  [{ a: 1 }, undefined, [{ path: '', op: 'remove', before: { a: 1 } }]],
  [
    { a: [1, 2] },
    { a: [1, 3, 4] },
    [
      { path: '/a/1', op: 'replace', before: 2, after: 3 },
      { path: '/a/2', op: 'add', after: 4 },
    ],
  ],
  [{ a: [1, 2] }, { a: [1] }, [{ path: '/a/1', op: 'remove', before: 2 }]],
  [
    { a: { b: { c: 1 } } },
    { a: { b: { c: 2, d: 3 } } },
    [
      { path: '/a/b/c', op: 'replace', before: 1, after: 2 },
      { path: '/a/b/d', op: 'add', after: 3 },
    ],
  ],
  [{ a: {} }, { a: [] }, [{ path: '/a', op: 'replace', before: {}, after: [] }]],
  [{ a: null }, { a: {} }, [{ path: '/a', op: 'replace', before: null, after: {} }]],
  [
    { 'a/b': 1, '~': 1 },
    { 'a/b': 2, '~': 2 },
    [
      { path: '/a~1b', op: 'replace', before: 1, after: 2 },
      { path: '/~0', op: 'replace', before: 1, after: 2 },
    ],
  ],
  [{ a: 1, b: 2 }, { b: 2, a: 1 }, []],
  [{}, { toString: 1 }, [{ path: '/toString', op: 'add', after: 1 }]],
])('from %j to %j there are the differences %j', (before, after, expected) => {
  expect(diffDocuments(before, after)).toEqual(expected);
});

// The cases of RFC 7396, appendix A.
test.each<[unknown, unknown, unknown]>([
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
])('%j patched with %j is %j', (target, patch, expected) => {
  const before = structuredClone(target);
  expect(mergePatch(target, patch)).toEqual(expected);
  expect(target).toEqual(before);
});

test('a patch cannot reach a prototype', () => {
  const merged = mergePatch({}, JSON.parse('{"__proto__":{"polluted":1}}'));
  expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
  expect(Object.keys(merged as object)).toEqual(['__proto__']);
});
