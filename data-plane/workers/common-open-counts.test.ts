import { expect, test } from 'vitest';
import { ConnectionGate } from '../listener/connection-gate.ts';
import { CommonOpenCounts, clearOpenCounts, newOpenCounts } from './common-open-counts.ts';

/** The gates of a node's workers. */
function gatesOf(workers: number, limits: { connections: number; connectionsPerAddress: number }) {
  const memory = newOpenCounts(workers, [17, 4711]);
  const isCounted = (address: string): boolean => address !== 'inner';
  const gates = Array.from({ length: workers }, (_, worker) => {
    return new ConnectionGate(limits, isCounted, new CommonOpenCounts(memory, worker));
  });
  return { memory, gates };
}

test('the limits of a node are those of all its workers together', () => {
  const { gates } = gatesOf(2, { connections: 4, connectionsPerAddress: 2 });
  const [a, b] = gates as [ConnectionGate, ConnectionGate];
  expect([a.enter('x'), b.enter('x'), a.enter('x'), b.enter('x')]).toEqual([null, null, 'address', 'address']);
  expect([a.enter('inner'), b.enter('inner'), b.enter('y'), a.enter('inner')]).toEqual([null, null, 'node', 'node']);
  expect([a.open, b.open]).toEqual([4, 4]);
  b.leave('x');
  expect([a.enter('x'), b.enter('y')]).toEqual([null, 'node']);
});

test('what a dead worker had open is given back', () => {
  const { memory, gates } = gatesOf(2, { connections: 3, connectionsPerAddress: 2 });
  const [a, b] = gates as [ConnectionGate, ConnectionGate];
  expect([a.enter('x'), a.enter('x'), b.enter('y')]).toEqual([null, null, null]);
  clearOpenCounts(memory, 0);
  expect(b.open).toBe(1);
  expect([b.enter('x'), b.enter('x')]).toEqual([null, null]);
});

test('of 50,000 connections from as many addresses, next to nobody is taken for another, and none gets more than its share', () => {
  const { memory } = gatesOf(1, { connections: 0, connectionsPerAddress: 0 });
  const counts = new CommonOpenCounts(memory, 0);
  const addresses = Array.from({ length: 50_000 }, (_, index) => `2001:db8:${index.toString(16)}::${index % 7}`);
  for (const address of addresses) counts.enter(address, true);
  const taken = addresses.map((address) => counts.from(address));
  expect(Math.min(...taken)).toBe(1);
  // beside a limit of 256
  expect(Math.max(...taken)).toBeLessThan(16);
  for (const address of addresses) counts.leave(address, true);
  expect(new Set(addresses.map((address) => counts.from(address)))).toEqual(new Set([0]));
  expect(counts.open).toBe(0);
});
