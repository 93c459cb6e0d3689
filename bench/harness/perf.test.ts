import { expect, test } from 'vitest';
import { parsePerfReport, sharesByOwner } from './perf.ts';

const report = [
  '# Samples: 2K of event',
  '#',
  '  10.00%\t[JIT] tid 4711    \t[.] JS:*headers file:///srv/fairlead/data-plane/codec/http1.ts:12:17',
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
    'JavaScript: data-plane/codec',
    'libuv',
    'garbage collector',
    'V8 builtins',
  ]);
});

test.each([
  ["JS:*'#finish file:///a/data-plane/l7/h1-connection.ts:264:10", 'JavaScript: data-plane/l7'],
  ['JS:*wire file:///a/data-plane/wire.ts:3:1', 'JavaScript: data-plane'],
  ['JS:*decode file:///a/proto/http2/hpack-decoder.ts:3:1', 'JavaScript: proto/http2'],
  ["JS:+'onStreamRead node:internal/stream_base_commons:166:22", "JavaScript: Node's own"],
  ['JS:*get file:///a/node_modules/@grpc/grpc-js/build/src/x.js:1:1', 'JavaScript: @grpc/grpc-js'],
  ["RegExp.> src: '[^ ]' flags: ''", 'JavaScript: regular expressions'],
])('%s is charged to its room', (symbol, owner) => {
  expect(sharesByOwner([{ share: 1, object: '[JIT] tid 4784', symbol }])).toEqual([{ owner, share: 1 }]);
});

test.each([
  ['v8::internal::String::WriteToFlat2<unsigned char>', 'V8'],
  ['node::StreamBase::CallJSOnreadMethod', "Node's native side"],
  ['uv__read', 'libuv'],
  ['Builtins_StringAdd_CheckNone', 'V8 builtins'],
])('%s of the program itself is charged to its part', (symbol, owner) => {
  expect(sharesByOwner([{ share: 1, object: 'node', symbol }])).toEqual([{ owner, share: 1 }]);
});
