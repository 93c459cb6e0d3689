/**
 * `npm run fuzz [-- http1|http2|hpack] [--seed N] [--minutes N]`: random input to our parsers and to those of Node, for
 * ten minutes each unless said otherwise. A finding is made small and put into the corpus of its parser.
 */
import { parseArgs } from 'node:util';
import { downgrade } from './downgrade.ts';
import { blocks } from './hpack/blocks.ts';
import { lists } from './hpack/lists.ts';
import { requests, responses } from './http1/subject.ts';
import { answers, frames } from './http2/subject.ts';
import { type FuzzOptions, fuzz, type Report } from './loop.ts';
import type { Subject } from './subject.ts';

type Run = (options: FuzzOptions) => Promise<Report>;

/** By name, what shares the minutes. */
const runs = new Map<string, readonly Run[]>([
  ['http1', [runOf(requests), runOf(responses)]],
  ['http2', [runOf(frames), runOf(answers), runOf(downgrade)]],
  ['hpack', [runOf(blocks), runOf(lists)]],
]);

function runOf<Input>(subject: Subject<Input>): Run {
  return (options) => fuzz(subject, options);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, minutes: { type: 'string', default: '10' } },
});
const chosen = positionals.length === 0 ? [...runs.keys()] : positionals;
const seed = Number(values.seed ?? process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const minutes = Number(values.minutes);
if (!chosen.every((name) => runs.has(name)) || !Number.isInteger(seed) || !(minutes > 0)) {
  console.error(`Usage: npm run fuzz [-- ${[...runs.keys()].join('|')}] [--seed N] [--minutes N], with a whole seed.`);
  process.exit(2);
}
console.log(`SEED=${seed}`);
for (const name of chosen) {
  const together = runs.get(name) ?? [];
  const ms = (minutes * 60_000) / together.length;
  for (const run of together) print(await run({ seed, ms, now: () => performance.now(), say: console.log }));
}

function print({ name, inputs, seconds, slowestMs, growth, counts, findings }: Report): void {
  console.log(`${name}: ${inputs} inputs in ${seconds.toFixed(0)} s, ${findings.length} findings`);
  console.log(
    `  slowest hundred ${slowestMs.toFixed(1)} ms each; memory kept at most ${growth.toFixed(2)} times the input`,
  );
  for (const [what, count] of [...counts].sort((a, b) => b[1] - a[1])) console.log(`  ${what}: ${count}`);
  for (const finding of findings) console.log(`  FOUND ${finding}`);
  if (findings.length > 0) process.exitCode = 1;
}
