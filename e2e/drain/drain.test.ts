/** The small size of `npm run drain`. */
import { afterEach, expect, test } from 'vitest';
import { seededRandom } from '../../data-plane/testing.ts';
import { Cleanup } from '../support/fairlead.ts';
import { drainUnderLoad } from './run.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

test('nodes behind an L4 node are drained in turn under load, and one is stopped: no request is lost, and each leaves and comes back', async () => {
  const seed = Number(process.env['SEED'] ?? 1);
  const { failures, sent, right, drained, served, logs, exits, closes, goodbyes } = await drainUnderLoad(cleanup, {
    nodes: 2,
    requests: 4_000,
    // so many that no run will see one of the nodes without a connection
    shape: { http1: 24, http2: 8, streams: 2, thinkMs: 60 },
    random: seededRandom(seed),
    flags: ['--concurrency', '2', '--limit', 'announce=5000ms'],
    timeoutSeconds: 6,
  });
  expect(failures).toEqual([]);
  expect(right).toBe(sent);
  expect(logs).toEqual({ joined: sent, faults: [] });
  expect(exits).toEqual([0, 0, 0]);
  for (const { ready, served: seen } of drained) {
    expect(ready).toEqual(['503 DRAINING', '200 LIVE']);
    const [told, gone, back] = seen;
    expect(gone).toBeGreaterThan(told);
    expect(back).toBe(gone);
  }
  expect(drained).toHaveLength(2);
  // the clients of the other one came back to it
  expect(served[0]).toBeGreaterThan(drained[0]!.served[2]);
  expect(closes).toBeGreaterThanOrEqual(24);
  expect(goodbyes).toBeGreaterThanOrEqual(8);
});
