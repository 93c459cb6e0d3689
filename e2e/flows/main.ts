/** `npm run flows [-- --flows N --endpoints N --seed N]`: 10,000 flows over three L4 nodes, and an Envoy where there is one. */
import { parseArgs } from 'node:util';
import { seedOf } from '../churn/run.ts';
import { Cleanup } from '../support/fairlead.ts';
import { envoyBinary } from '../support/peers.ts';
import { drawFlows } from './flows.ts';
import type { Hash } from './hashes.ts';
import { keepFlows, mapStage, startFleet, stillEcho } from './run.ts';
import { Expected, tableSize } from './tables.ts';

const { values } = parseArgs({
  options: {
    flows: { type: 'string', default: '10000' },
    endpoints: { type: 'string', default: '100' },
    seed: { type: 'string' },
  },
});
const seed = seedOf(values.seed ?? process.env['SEED'], Math.random);
console.log(`SEED=${seed}`);
const count = Number(values.flows);
/** Of each listener at each node: as many as their cluster allows connections, nearly. */
const keptEach = Math.min(400, Math.ceil(count / 20));
const drawn = drawFlows(seed, count + keptEach);
const flows = drawn.slice(0, count);
const cleanup = new Cleanup();
try {
  const envoy = envoyBinary() !== undefined;
  const fleet = await startFleet(cleanup, Number(values.endpoints), envoy);
  const before = new Map<Hash, readonly number[]>();
  const tables: Expected[] = [];
  const first = fleet.stages[0]!;
  await mapStage(fleet, first, flows.slice(0, 1));
  const kept = await keepFlows(cleanup, fleet, drawn.slice(count));
  console.log(
    `${flows.length} flows over three nodes${envoy ? ' and an Envoy' : ''}; ${kept.length} connections stay open`,
  );
  for (const stage of fleet.stages) {
    const next = new Expected(stage.endpoints);
    const changed = tables.at(-1)?.changedSlots(next);
    tables.push(next);
    console.log(stage.name);
    if (changed !== undefined) {
      console.log(
        `  table: ${changed.needed} slots of ${tableSize} change with the endpoint, ${changed.others} others`,
      );
    }
    for (const { hash, expected, differences } of await mapStage(fleet, stage, flows)) {
      const old = before.get(hash);
      const moved = old === undefined ? '' : `, ${expected.filter((one, i) => one !== old[i]).length} have moved`;
      before.set(hash, expected);
      console.log(`  ${hash}: ${differences.length} are not where the table says${moved}`);
      for (const difference of differences.slice(0, 10)) console.log(`    ${difference}`);
      if (differences.length > 0) process.exitCode = 1;
    }
    const echo = await stillEcho(kept, stage.name);
    console.log(`  ${echo} of ${kept.length} open connections carry bytes`);
    if (echo < kept.length) process.exitCode = 1;
  }
} finally {
  await cleanup.run();
}
