/**
 * `npm run drain [-- --requests N --timeout SECONDS --seed N]`: four L7 nodes behind an L4 node, two of them drained in
 * turn under load and one of these stopped. Any request that was sent and did not get its whole answer fails the run.
 */
import { parseArgs } from 'node:util';
import { nodeLimits } from '../../data-plane/limits.ts';
import { seededRandom } from '../../data-plane/testing.ts';
import { Cleanup } from '../support/fairlead.ts';
import { drainUnderLoad } from './run.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    timeout: { type: 'string', default: '20' },
    seed: { type: 'string', default: `${Date.now() % 1e9}` },
  },
});
const cleanup = new Cleanup();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void cleanup.run().finally(() => process.exit(1)));
}
try {
  console.log(`seed ${values.seed}`);
  const { failures, sent, right, drained, served, logs, closes, goodbyes } = await drainUnderLoad(cleanup, {
    nodes: 4,
    requests: Number(values.requests),
    shape: { http1: 48, http2: 24, streams: 3, thinkMs: 400 },
    random: seededRandom(Number(values.seed)),
    flags: ['--concurrency', '2', '--limit', `announce=${nodeLimits.announceMs}ms`],
    timeoutSeconds: Number(values.timeout),
    tell: (line) => console.log(line),
  });
  for (const {
    node,
    served: [told, gone, back],
  } of drained) {
    console.log(`${node}: ${gone - told} requests from its drain to its last client, ${back - gone} after that.`);
    if (back > gone) process.exitCode = 1;
  }
  console.log(`Connections were asked to go: ${closes} of HTTP/1.1, ${goodbyes} of HTTP/2.`);
  console.log(`Requests by node: ${served.join(', ')}.`);
  for (const fault of [...failures, ...logs.faults].slice(0, 20)) console.log(fault);
  console.log(`${sent} requests were sent, ${right} were answered rightly, ${failures.length} failed.`);
  console.log(`${logs.joined} of them stand in the logs of both tiers, joined by unique_id.`);
  if (failures.length > 0 || right < sent || logs.faults.length > 0) process.exitCode = 1;
} finally {
  await cleanup.run();
}
