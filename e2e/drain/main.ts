/**
 * `npm run drain [-- --requests N --timeout SECONDS --seed N]`: four L7 nodes behind an L4 node, two of them drained in
 * turn under load. Any request that was sent and did not get its whole answer fails the run.
 */
import { parseArgs } from 'node:util';
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
  const { failures, sent, right, drained, served, closes, goodbyes } = await drainUnderLoad(cleanup, {
    nodes: 4,
    requests: Number(values.requests),
    shape: { http1: 48, http2: 8, streams: 6, thinkMs: 400 },
    random: seededRandom(Number(values.seed)),
    flags: ['--concurrency', '2'],
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
  for (const failure of failures.slice(0, 20)) console.log(failure);
  console.log(`${sent} requests were sent, ${right} were answered rightly, ${failures.length} failed.`);
  if (failures.length > 0 || right < sent) process.exitCode = 1;
} finally {
  await cleanup.run();
}
