/**
 * `npm run churn [-- --changes N --kills N --rude --seed N]`: a thousand changes under traffic, counted. With kills no Envoy takes
 * part by the state-of-the-world variant (docs/decisions/2026-11-21-make-before-break.md says why).
 */
import { parseArgs } from 'node:util';
import { Cleanup } from '../support/fairlead.ts';
import { requirePeer } from '../support/peers.ts';
import { reportOf } from './report.ts';
import { churn, seedOf } from './run.ts';

const { values } = parseArgs({
  options: {
    changes: { type: 'string', default: '1000' },
    kills: { type: 'string', default: '0' },
    rude: { type: 'boolean', default: false },
    seed: { type: 'string' },
  },
});
const seed = seedOf(values.seed ?? process.env['SEED'], Math.random);
const cleanup = new Cleanup();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void cleanup.run().finally(() => process.exit(1)));
}
console.log(`SEED=${seed}`);
try {
  const kills = Number(values.kills);
  const variants = kills > 0 ? (['delta'] as const) : (['delta', 'sotw'] as const);
  const envoys = requirePeer('envoy') ? variants : [];
  const options = { seed, changes: Number(values.changes), kills, rude: values.rude, patient: false, envoys };
  const report = await churn(cleanup, options);
  console.log(reportOf(report));
  if (report.proxies.some(({ failures }) => failures.length > 0)) process.exitCode = 1;
} finally {
  await cleanup.run();
}
