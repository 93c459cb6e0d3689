import { expect, test } from 'vitest';
import { readArguments } from './options.ts';

const load = async () => ({ run: async () => Promise.reject(new Error('not run here')) });
const benchmarks = { l7: { load }, profile: { load }, scale: { load, defaults: { routes: '20000' } } };

test('a name alone takes the defaults that the goals were set for', () => {
  expect(readArguments(['l7'], benchmarks)).toEqual({
    name: 'l7',
    load,
    options: {
      ...{ seconds: 5, rounds: 5, warmUpSeconds: 3, connections: 64, bodyBytes: 1024, only: [] },
      ...{ routes: 1, subscribers: 1_000, streams: 20, changes: 10, slow: 0, grpc: false },
    },
    jsonFile: undefined,
  });
});

test('a benchmark has defaults of its own, and what is said counts more', () => {
  expect(readArguments(['scale'], benchmarks).options.routes).toBe(20_000);
  expect(readArguments(['scale', '--routes', '100'], benchmarks).options.routes).toBe(100);
});

test('the length of a body may be said in kilobytes', () => {
  expect(readArguments(['l7', '--body', '64k'], benchmarks).options.bodyBytes).toBe(65_536);
  expect(() => readArguments(['l7', '--body', '64m'], benchmarks)).toThrow('--body has to be a whole number');
});

test('an unknown name is answered with those that exist', () => {
  expect(() => readArguments(['h9'], benchmarks)).toThrow('There is no benchmark h9; there are: l7, profile, scale.');
  expect(() => readArguments(['constructor'], benchmarks)).toThrow('There is no benchmark constructor');
});

test('no name, or two, is answered with the usage', () => {
  expect(() => readArguments([], benchmarks)).toThrow('npm run bench -- l7|profile|scale');
  expect(() => readArguments(['l7', 'profile'], benchmarks)).toThrow('npm run bench -- l7|profile|scale');
});

test.each(['0', '-1', '1.5', 'many'])('--seconds=%s is refused by name', (value) => {
  expect(() => readArguments(['l7', `--seconds=${value}`], benchmarks)).toThrow('--seconds has to be a whole number');
});

test('an unknown option is refused with the list of options', () => {
  expect(() => readArguments(['l7', '--second', '3'], benchmarks)).toThrow(/--second'[\s\S]*--seconds N/);
});
