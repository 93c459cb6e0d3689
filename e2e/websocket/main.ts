/** `npm run websockets [-- --count N --seed N]`: 300 conversations, each directly and through the proxy, compared byte for byte. */
import { parseArgs } from 'node:util';
import { seedOf } from '../churn/run.ts';
import { describe } from './compare.ts';
import { haveConversations, legs } from './run.ts';

const { values } = parseArgs({ options: { count: { type: 'string', default: '300' }, seed: { type: 'string' } } });
const seed = seedOf(values.seed ?? process.env['SEED'], Math.random);
console.log(`SEED=${seed}`);
const count = Number(values.count);
for (const leg of legs) {
  const { differences, logged, heard, faults } = await haveConversations(seed, count, leg);
  const told = logged.toClients === heard.clients && logged.toServers === heard.servers && logged.lines === count;
  const bytes = `${heard.clients + heard.servers} bytes, ${told ? 'all' : 'not all'} in the access log`;
  console.log(`${leg.client} to ${leg.endpoint}: ${count} conversations, ${differences.length} differ; ${bytes}`);
  for (const difference of differences) console.log(describe(difference));
  for (const fault of faults) console.log(fault);
  if (differences.length > 0 || faults.length > 0 || !told) process.exitCode = 1;
}
