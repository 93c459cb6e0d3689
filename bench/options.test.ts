import { expect, test } from 'vitest';
import { readArguments } from './options.ts';

const benchmarks = { l7: 'the l7 one', profile: 'the profile' };

test('a name alone takes the defaults that the goals were set for', () => {
  expect(readArguments(['l7'], benchmarks)).toEqual({
    name: 'l7',
    load: 'the l7 one',
    options: {
      ...{ seconds: 5, rounds: 5, warmUpSeconds: 3, connections: 64, bodyBytes: 1024, only: [] },
      ...{ routes: 20_000, subscribers: 1_000, streams: 20, changes: 10, slow: 0 },
    },
    jsonFile: undefined,
  });
});

test('an unknown name is answered with those that exist', () => {
  expect(() => readArguments(['h9'], benchmarks)).toThrow('There is no benchmark h9; there are: l7, profile.');
  expect(() => readArguments(['constructor'], benchmarks)).toThrow('There is no benchmark constructor');
});

test('no name, or two, is answered with the usage', () => {
  expect(() => readArguments([], benchmarks)).toThrow('npm run bench -- l7|profile');
  expect(() => readArguments(['l7', 'profile'], benchmarks)).toThrow('npm run bench -- l7|profile');
});

test.each(['0', '-1', '1.5', 'many'])('--seconds=%s is refused by name', (value) => {
  expect(() => readArguments(['l7', `--seconds=${value}`], benchmarks)).toThrow('--seconds has to be a whole number');
});

test('an unknown option is refused with the list of options', () => {
  expect(() => readArguments(['l7', '--second', '3'], benchmarks)).toThrow(/--second'[\s\S]*--seconds N/);
});
