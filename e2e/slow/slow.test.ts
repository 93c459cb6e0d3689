/** A thousand slow connections of four kinds at once, and who comes beside them is served. `npm run slow` does it at length. */
import { afterAll, expect, test } from 'vitest';
import { Cleanup } from '../support/fairlead.ts';
import { peerBinary } from '../support/peers.ts';
import { ownClients } from './own-clients.ts';
import { endure, isGood, modes, reportOf } from './run.ts';
import { slowhttptest } from './slowhttptest.ts';

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const program = peerBinary('slowhttptest');
const clients = program === undefined ? 'our own clients' : 'slowhttptest';

test(`a thousand slow connections of four kinds, by ${clients}, keep nobody waiting`, { timeout: 90_000 }, async () => {
  const attack = program === undefined ? ownClients : slowhttptest(cleanup, program);
  const connections = 1_000 / modes.length;
  const [round] = await endure(cleanup, { attack, connections, seconds: 5, rounds: [modes] });
  const text = reportOf([round!]);
  console.log(text);
  expect(isGood(round!), text).toBe(true);
  // else the law above would have been tried on next to nothing
  expect(Math.min(...round!.open), text).toBeGreaterThan(0);
  expect(round!.probes, text).toBeGreaterThan(10);
});
