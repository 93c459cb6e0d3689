import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { limits } from '../limits.ts';
import { TestClock } from '../testing.ts';
import { type ClientTraffic, untilQuiet } from './quiet.ts';

/** How long it took; what is seen at a time after the start: null: nobody says. */
async function tookMs(mostMs: number, seenAt: (ms: number) => ClientTraffic | null): Promise<number> {
  const clock = new TestClock();
  const startMs = clock.nowMs;
  const traffic = async (): Promise<ClientTraffic> => {
    const seen = seenAt(clock.nowMs - startMs);
    if (seen === null) throw new Error('busy, or stuck');
    return seen;
  };
  let isOver = false;
  void untilQuiet({ traffic, now: clock.now, setTimer: clock.setTimer }, mostMs).then(() => {
    isOver = true;
  });
  for (;;) {
    await turn();
    if (isOver) return clock.nowMs - startMs;
    clock.advance(limits.quietLookMs);
  }
}

const slackMs = 2 * limits.quietLookMs;

test.each<[string, (ms: number) => ClientTraffic | null, number]>([
  ['with nobody connected it takes no time', () => ({ connections: 0, arrivals: 7 }), 0],
  ['with connections that are silent, a while', () => ({ connections: 3, arrivals: 7 }), limits.quietMs],
  [
    'with traffic, until it has ended',
    (ms) => ({ connections: 3, arrivals: Math.min(ms, 1_000) }),
    1_000 + limits.quietMs,
  ],
  ['until the last one has gone', (ms) => ({ connections: ms < 1_000 ? 1 : 0, arrivals: ms }), 1_000],
  ['with traffic that does not end, all the time', (ms) => ({ connections: 3, arrivals: ms }), 5_000],
  ['where a worker says nothing, all the time', () => null, 5_000],
])('%s', async (_, seenAt, ms) => {
  const took = await tookMs(5_000, seenAt);
  expect(took).toBeGreaterThanOrEqual(ms);
  expect(took).toBeLessThanOrEqual(ms + slackMs);
});

test('no time is none', async () => {
  expect(await tookMs(0, () => ({ connections: 3, arrivals: 7 }))).toBe(0);
});
