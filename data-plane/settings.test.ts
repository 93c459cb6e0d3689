import os from 'node:os';
import { expect, test } from 'vitest';
import { readSettings, SettingsError } from './settings.ts';

const xdsOf = (flags: readonly string[], env: NodeJS.ProcessEnv = {}): readonly string[] =>
  readSettings(['--group', 'edge', '--id', 'n1', ...flags], { FAIRLEAD_TOKEN: 't', ...env }).xds;

test('several replicas are told with commas, each once; a flag wins over the variable', () => {
  expect(xdsOf([])).toEqual(['127.0.0.1:7071']);
  expect(xdsOf([], { FAIRLEAD_XDS: 'a.example.com:1, [::1]:2' })).toEqual(['a.example.com:1', '[::1]:2']);
  expect(xdsOf(['--xds', 'a:1,b:2,a:1'], { FAIRLEAD_XDS: 'c:3' })).toEqual(['a:1', 'b:2']);
});

test.each(['', 'a', 'a:', 'a:0', 'a:65536', 'http://a:1', '::1:2', 'a:1,', 'a:1;b:2'])(
  '%j is no list of xDS addresses, and the message says how to write one',
  (text) => {
    expect(() => xdsOf(['--xds', text])).toThrow(SettingsError);
    expect(() => xdsOf(['--xds', text])).toThrow('127.0.0.1:7071, and commas between several');
  },
);

const concurrencyOf = (...flags: readonly string[]): number =>
  readSettings(['--group', 'edge', '--id', 'n1', ...flags], { FAIRLEAD_TOKEN: 't' }).concurrency;

test('as many threads carry traffic as were said, else as there are cores', () => {
  expect(concurrencyOf('--concurrency', '3')).toBe(3);
  expect(concurrencyOf()).toBe(os.availableParallelism());
});

test('the kernel may be told to carry traffic, unless a flag or the variable says not', () => {
  const may = (flags: readonly string[], env: NodeJS.ProcessEnv): boolean =>
    readSettings(['--group', 'edge', '--id', 'n1', ...flags], { FAIRLEAD_TOKEN: 't', ...env }).kernel;
  expect([may([], {}), may([], { FAIRLEAD_KERNEL: 'on' })]).toEqual([true, true]);
  expect([may(['--no-kernel'], {}), may([], { FAIRLEAD_KERNEL: 'off' })]).toEqual([false, false]);
  expect(() => may([], { FAIRLEAD_KERNEL: 'no' })).toThrow('say on or off');
});

test.each(['0', '-1', '1.5', 'auto', ''])('%j is no number of threads', (text) => {
  expect(() => concurrencyOf('--concurrency', text)).toThrow('write a number of threads from 1 to 999');
});

test('files of filters come from flags, else from the variable with commas in between', () => {
  const filtersOf = (flags: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    readSettings(['--group', 'edge', '--id', 'n1', ...flags], env).filters;
  expect(filtersOf([])).toEqual([]);
  expect(filtersOf([], { FAIRLEAD_FILTERS: 'a.ts,b.ts' })).toEqual(['a.ts', 'b.ts']);
  expect(filtersOf(['--filter', 'c.ts', '--filter', 'd.ts'], { FAIRLEAD_FILTERS: 'a.ts' })).toEqual(['c.ts', 'd.ts']);
});

const keysOf = (FAIRLEAD_SESSION_KEY?: string): string[] =>
  readSettings(['--group', 'edge', '--id', 'n1'], { FAIRLEAD_TOKEN: 't', FAIRLEAD_SESSION_KEY }).sessionKeys.map(
    (key) => Buffer.from(key).toString('hex'),
  );

test('keys of sessions are 32 bytes each, in their order', () => {
  const [one, two] = ['ab'.repeat(32), '01'.repeat(32)];
  expect(keysOf()).toEqual([]);
  expect(keysOf(`${one}, ${two.toUpperCase()}`)).toEqual([one, two]);
});

test.each(['abc', 'x'.repeat(64), `${'ab'.repeat(32)},`])('%j is no key of sessions, and is not repeated', (text) => {
  expect(() => keysOf(text)).toThrow('FAIRLEAD_SESSION_KEY is not 64 hexadecimal digits');
  expect(() => keysOf(text)).not.toThrow(text);
});
