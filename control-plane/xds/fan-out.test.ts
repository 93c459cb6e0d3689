import { setImmediate as immediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { FanOut, type Pumped } from './fan-out.ts';
import { InFlight } from './in-flight.ts';
import { ManualTimers } from './testing/manual-timers.ts';

const limits = { bytes: 100, bigBytes: 10, patienceMs: 1_000 };
const roomy = (): InFlight => new InFlight(limits, new ManualTimers());

class Counted implements Pumped {
  turns = 0;
  pump(): void {
    this.turns += 1;
  }
}

test('a stream that is scheduled often is pumped once', async () => {
  const fanOut = new FanOut(10, roomy());
  const stream = new Counted();
  fanOut.schedule(stream);
  fanOut.schedule(stream);
  expect(stream.turns).toBe(0);
  await immediate();
  expect(stream.turns).toBe(1);
  fanOut.schedule(stream);
  await immediate();
  expect(stream.turns).toBe(2);
});

test('a thousand streams are pumped in slices, and others have the event loop in between', async () => {
  const fanOut = new FanOut(100, roomy());
  const streams = Array.from({ length: 1000 }, () => new Counted());
  for (const stream of streams) fanOut.schedule(stream);
  const pumped: number[] = [];
  for (let turn = 0; turn < 10; turn++) {
    await immediate();
    pumped.push(streams.filter(({ turns }) => turns === 1).length);
  }
  expect(pumped).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
});

test('a stream that schedules itself again waits for the others', async () => {
  const fanOut = new FanOut(2, roomy());
  const order: string[] = [];
  const stream = (name: string, again: number): Pumped => {
    const pumped: Pumped = {
      pump() {
        order.push(name);
        if (again-- > 0) fanOut.schedule(pumped);
      },
    };
    return pumped;
  };
  for (const one of [stream('a', 2), stream('b', 0), stream('c', 0)]) fanOut.schedule(one);
  for (let turn = 0; turn < 5; turn++) await immediate();
  expect(order).toEqual(['a', 'b', 'c', 'a', 'a']);
});

test('a stream that is cancelled is not pumped', async () => {
  const fanOut = new FanOut(10, roomy());
  const stream = new Counted();
  fanOut.schedule(stream);
  fanOut.cancel(stream);
  await immediate();
  expect(stream.turns).toBe(0);
});

/** Streams that write 40 bytes each, of which 100 may be on their way. */
function writers(count: number): { inFlight: InFlight; fanOut: FanOut; timers: ManualTimers; left: (() => void)[] } {
  const timers = new ManualTimers();
  const inFlight = new InFlight(limits, timers);
  const fanOut = new FanOut(50, inFlight);
  const left: (() => void)[] = [];
  for (let i = 0; i < count; i++) fanOut.schedule({ pump: () => left.push(inFlight.begin(40)) });
  return { inFlight, fanOut, timers, left };
}

test('who joins while big responses are on their way waits until some have left', async () => {
  const { left } = writers(6);
  await immediate();
  await immediate();
  expect(left).toHaveLength(3);
  left[0]?.();
  left[0]?.();
  await immediate();
  expect(left).toHaveLength(4);
  await immediate();
  expect(left).toHaveLength(4);
  for (const one of [...left]) one();
  await immediate();
  expect(left).toHaveLength(6);
});

test('who does not take a big response holds the others up for a moment, then no more', async () => {
  const { inFlight, left, timers } = writers(4);
  await immediate();
  expect(left).toHaveLength(3);
  timers.advance(999);
  await immediate();
  expect(left).toHaveLength(3);
  timers.advance(1);
  await immediate();
  expect(left).toHaveLength(4);
  // what leaves after all is not counted twice
  for (const one of left) one();
  expect(inFlight.full).toBe(false);
  for (let i = 0; i < 3; i++) inFlight.begin(40);
  expect(inFlight.full).toBe(true);
});

test('small responses count for nothing', () => {
  const inFlight = roomy();
  for (let i = 0; i < 100; i++) inFlight.begin(9);
  expect(inFlight.full).toBe(false);
});
