/** `npm run chaos [SEED [ROUNDS]]`: three hundred subscribers and a minute of outage. Exits with 1 if a law broke. */
import { runChaos } from './replicas.ts';

const seed = Number(process.argv[2] ?? Date.now() % 2 ** 31);
const rounds = Number(process.argv[3] ?? 1);
const say = (line: string): void => console.log(line);
say(`seed ${seed}`);
const { faults, recoveries, acknowledged, unknown, refused, streamsOpened } = await runChaos({
  ...{ seed, rounds, subscribers: 300, outageMs: 60_000, say },
});
say(`${acknowledged} writes acknowledged, ${unknown} unknown, ${refused} refused; ${streamsOpened} streams opened`);
for (const fault of faults) say(`FAULT ${fault}`);
const late = recoveries.filter(({ ms }) => ms > 5_000);
for (const { fault, ms } of late) say(`LATE ${fault}: ${ms} ms`);
process.exitCode = faults.length + late.length === 0 ? 0 : 1;
