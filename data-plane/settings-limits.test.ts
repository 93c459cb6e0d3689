import { expect, test } from 'vitest';
import { nodeLimits } from './limits.ts';
import { readSettings, SettingsError } from './settings.ts';

const limitsOf = (flags: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  readSettings(['--group', 'edge', '--id', 'n1', ...flags.flatMap((flag) => ['--limit', flag])], env).limits;

test('a node has the limits of its operator, from the variable and then from flags, and safe ones otherwise', () => {
  expect(limitsOf([])).toEqual(nodeLimits);
  const env = { FAIRLEAD_LIMITS: 'connections=7, trailers=0,request-line=16KiB,shed-idle=80%,loop-delay=0ms' };
  expect(limitsOf(['connections=9', 'connections-per-address=0'], env)).toEqual({
    ...nodeLimits,
    connections: 9,
    connectionsPerAddress: 0,
    trailers: 0,
    requestLineBytes: 16_384,
    shedIdlePercent: 80,
    loopDelayMs: 0,
  });
});

test.each([
  ['connection=1', 'write NAME=VALUE with a NAME of connections, '],
  ['connections', 'write NAME=VALUE'],
  ['connections=0', 'the limit connections cannot be "0": write a whole number from 1 to 10000000'],
  ['connections=1KiB', 'write a whole number'],
  ['connections=-1', 'write a whole number'],
  ['connections=', 'write NAME=VALUE'],
  ['request-line=8kb', 'write bytes, as in 8192 or 8KiB, from 256 to 1048576'],
  ['request-line=100', 'write bytes'],
  ['stop-accepting=98', 'write a percentage, as in 95%, from 1 to 100'],
  ['loop-delay=1s', 'write milliseconds, as in 100ms, from 0 to 60000'],
  ['trailers=1.5', 'write a whole number'],
])('the limit %j is refused, and the message says how to write it', (flag, message) => {
  expect(() => limitsOf([flag])).toThrow(message);
  expect(() => limitsOf([], { FAIRLEAD_LIMITS: flag })).toThrow(SettingsError);
});
