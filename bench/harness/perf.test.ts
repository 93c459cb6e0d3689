import { expect, test } from 'vitest';
import { parsePerfReport, sharesByOwner } from './perf.ts';

const report = [
  '# Samples: 2K of event',
  '#',
  '  10.00%\t[JIT] tid 4711    \t[.] JS:*headers codec/http1.ts:12:17',
  '   5.00%\tnode              \t[.] v8::internal::ScavengerCollector::CollectGarbage()',
  '   2.50%\tnode              \t[.] Builtins_LoadIC',
  '   7.50%\tnode              \t[.] uv__stream_io',
  '  60.00%\t[kernel.kallsyms] \t[k] tcp_sendmsg',
  '  15.00%\tlibc.so.6         \t[.] writev',
  '',
].join('\n');

test('lines are read without their comments, the largest share first', () => {
  const lines = parsePerfReport(report);
  expect(lines).toHaveLength(6);
  expect(lines[0]).toEqual({ share: 0.6, object: '[kernel.kallsyms]', symbol: 'tcp_sendmsg' });
  expect(lines.map((line) => line.share)).toEqual([0.6, 0.15, 0.1, 0.075, 0.05, 0.025]);
});

test('every line is charged to one owner', () => {
  expect(sharesByOwner(parsePerfReport(report)).map(({ owner }) => owner)).toEqual([
    'kernel',
    'libc',
    'compiled JavaScript',
    'libuv, Node and V8',
    'garbage collector',
    'V8 builtins',
  ]);
});
