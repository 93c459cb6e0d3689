/** A thousand slow connections of four kinds at once, and who comes beside them is served. `npm run slow` does it at length. */
import { afterAll, expect, test } from 'vitest';
import { Cleanup } from '../support/fairlead.ts';
import { requirePeer } from '../support/peers.ts';
import { attack, isGood, type Mode, modes, reportOf } from './run.ts';

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const program = requirePeer('slowhttptest');
const all = Object.keys(modes) as Mode[];

test.skipIf(program === undefined)(
  'a thousand slow connections of four kinds keep nobody waiting',
  {
    timeout: 90_000,
  },
  async () => {
    const connections = 1_000 / all.length;
    const [round] = await attack(cleanup, { program: program!, connections, seconds: 8, rounds: [all] });
    const text = reportOf([round!]);
    console.log(text);
    expect(isGood(round!), text).toBe(true);
    // else the law above would have been tried on next to nothing
    expect(Math.min(...round!.open), text).toBeGreaterThan(0);
    expect(round!.probes, text).toBeGreaterThan(30);
  },
);
