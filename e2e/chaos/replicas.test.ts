/** The short form of `npm run chaos`. */
import { expect, test } from 'vitest';
import { runChaos } from './replicas.ts';

/** Three times what `npm run chaos` allows: other tests are at work beside this one. */
const lateMs = 15_000;

test('three replicas, sixty subscribers: a kill, a silent NOTIFY, a restart and an outage lose and disorder nothing', async () => {
  const seed = Number(process.env['CHAOS_SEED'] ?? 1);
  const lines: string[] = [];
  const result = await runChaos({
    ...{ seed, subscribers: 60, outageMs: 1_000, rounds: 1 },
    say: (line) => lines.push(line),
  });
  const story = [`CHAOS_SEED=${seed}`, ...lines].join('\n');
  expect(result.faults, story).toEqual([]);
  expect(
    result.recoveries.filter(({ ms }) => ms > lateMs),
    story,
  ).toEqual([]);
  expect(result.refused, story).toBe(0);
  expect(result.acknowledged, story).toBeGreaterThan(0);
}, 120_000);
