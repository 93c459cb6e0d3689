import { setImmediate as immediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { FanOut, type Pumped } from './fan-out.ts';

class Counted implements Pumped {
  turns = 0;
  pump(): void {
    this.turns += 1;
  }
}

test('a stream that is scheduled often is pumped once', async () => {
  const fanOut = new FanOut(10);
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
  const fanOut = new FanOut(100);
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
  const fanOut = new FanOut(2);
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
  const fanOut = new FanOut(10);
  const stream = new Counted();
  fanOut.schedule(stream);
  fanOut.cancel(stream);
  await immediate();
  expect(stream.turns).toBe(0);
});
