import { expect, test } from 'vitest';
import { memoryOf, parseMemory } from './memory.ts';

test('resident memory and its peak are bytes', () => {
  const status = 'Name:\tnode\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n';
  expect(parseMemory(status)).toEqual({ residentBytes: 1024 * 1024, peakBytes: 2048 * 1024 });
  expect(memoryOf(process.pid).peakBytes).toBeGreaterThan(1024 * 1024);
});

test('a process that is gone, whose status has no memory, is an error', () => {
  expect(() => parseMemory('Name:\tnode\nState:\tZ (zombie)\n')).toThrow('it has ended');
});
