/** The documents change all the time, and no request notices. `npm run churn` does the same at length. */
import { afterAll, expect, test } from 'vitest';
import { Cleanup } from '../support/fairlead.ts';
import { requirePeer } from '../support/peers.ts';
import { reportOf } from './report.ts';
import { churn } from './run.ts';

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const seed = Number(process.env['SEED'] ?? 1);
const here = requirePeer('envoy') !== undefined;

test(`no request fails over 100 changes and a kill -9 of the control plane (SEED=${seed})`, {
  timeout: 240_000,
}, async () => {
  const envoys = here ? (['delta'] as const) : [];
  const report = await churn(cleanup, { seed, changes: 100, kills: 1, rude: false, patient: true, envoys });
  const text = reportOf(report);
  for (const { served, failures, flags, absent } of report.proxies) {
    expect(failures, text).toEqual([]);
    expect(flags.flags, text).toEqual(absent > 0 ? { NR: absent } : {});
    // else the law above would have been tried on next to nothing
    expect(served, text).toBeGreaterThan(200);
  }
});
