/** `npm run mixed-fleet [-- --keys N --seed N]`: 10,000 keys for each hash and form, at our node and at an Envoy. */
import { parseArgs } from 'node:util';
import { seedOf } from '../churn/run.ts';
import { Cleanup } from '../support/fairlead.ts';
import { compareStage, drawKeys, startFleet } from './run.ts';

const { values } = parseArgs({ options: { keys: { type: 'string', default: '10000' }, seed: { type: 'string' } } });
const seed = seedOf(values.seed ?? process.env['SEED'], Math.random);
console.log(`SEED=${seed}`);
const keys = drawKeys(seed, Number(values.keys));
const cleanup = new Cleanup();
try {
  const fleet = await startFleet(cleanup, () => '');
  const before = new Map<string, readonly string[]>();
  for (const stage of fleet.stages) {
    console.log(`${stage.name}: ${stage.endpoints.length} endpoints`);
    for (const { variant, names, differences } of await compareStage(fleet, stage, keys)) {
      const old = before.get(variant);
      const moved = old === undefined ? '' : `, ${names.filter((name, i) => name !== old[i]).length} have moved`;
      before.set(variant, names);
      console.log(`  ${variant}: ${keys.length} keys, ${differences.length} differ${moved}`);
      for (const difference of differences.slice(0, 10)) console.log(`    ${difference}`);
      if (differences.length > 0) process.exitCode = 1;
    }
  }
} finally {
  await cleanup.run();
}
