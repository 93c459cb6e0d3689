/** `npm run slow [-- --connections N --seconds N]`: slowhttptest's four modes, one after the other, for minutes each. */
import { parseArgs } from 'node:util';
import { Cleanup } from '../support/fairlead.ts';
import { requirePeer } from '../support/peers.ts';
import { endure, isGood, modes, reportOf } from './run.ts';
import { slowhttptest } from './slowhttptest.ts';

const { values } = parseArgs({
  options: { connections: { type: 'string', default: '1000' }, seconds: { type: 'string', default: '240' } },
});
const cleanup = new Cleanup();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void cleanup.run().finally(() => process.exit(1)));
}
const program = requirePeer('slowhttptest');
if (program === undefined) process.exit(1);
try {
  const rounds = modes.map((mode) => [mode]);
  const connections = Number(values.connections);
  const reports = await endure(cleanup, {
    attack: slowhttptest(cleanup, program),
    connections,
    seconds: Number(values.seconds),
    rounds,
  });
  console.log(reportOf(reports));
  if (!reports.every(isGood)) process.exitCode = 1;
} finally {
  await cleanup.run();
}
