import { expect, test } from 'vitest';
import { busyMicros, selfTimes } from './cpu-profile.ts';

const frame = (functionName: string, url = '', lineNumber = -1) => ({ functionName, url, lineNumber });
const profile = {
  nodes: [
    { id: 1, callFrame: frame('(idle)') },
    { id: 2, callFrame: frame('parseHead', 'file:///somewhere/data-plane/codec/http1.ts', 41) },
    // the same function under another caller is another node
    { id: 3, callFrame: frame('parseHead', 'file:///somewhere/data-plane/codec/http1.ts', 41) },
    { id: 4, callFrame: frame('(garbage collector)') },
  ],
  samples: [1, 2, 3, 4, 1],
  timeDeltas: [700, 200, 100, 100, 900],
};

test('self time is summed over all callers of a function, and idle time is left out', () => {
  expect(selfTimes(profile)).toEqual([
    { name: 'parseHead codec/http1.ts:42', share: 0.75 },
    { name: '(garbage collector)', share: 0.25 },
  ]);
});

test('busy time is all but idle time', () => {
  expect(busyMicros(profile)).toBe(400);
});
