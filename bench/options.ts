/** The arguments of `npm run bench`. */
import { parseArgs } from 'node:util';
import type { BenchOptions } from './harness/bench.ts';

export interface Arguments<B> {
  readonly name: string;
  readonly load: B;
  readonly options: BenchOptions;
  /** Where every sample is to be written. */
  readonly jsonFile: string | undefined;
}

const flags = {
  seconds: { type: 'string', default: '5' },
  rounds: { type: 'string', default: '5' },
  'warm-up': { type: 'string', default: '3' },
  connections: { type: 'string', default: '64' },
  body: { type: 'string', default: '1024' },
  routes: { type: 'string', default: '20000' },
  subscribers: { type: 'string', default: '1000' },
  streams: { type: 'string', default: '20' },
  changes: { type: 'string', default: '10' },
  slow: { type: 'string', default: '0' },
  only: { type: 'string', default: '' },
  json: { type: 'string' },
} as const;

const flagHelp = `
  --seconds N      length of one turn (5)
  --rounds N       turns of each contender (5)
  --warm-up N      seconds before the first turn of each (3)
  --connections N  keep-alive connections (64)
  --body BYTES     length of an answer's body (1024)
  --routes N       scale, xds: routes, at most (20000)
  --subscribers N  xds: incremental subscribers (1000)
  --streams N      xds: streams a connection (20)
  --changes N      scale, xds: changes of one turn (10)
  --slow N         xds: subscribers that stop reading halfway (0)
  --only A,B       only these contenders
  --json FILE      write every sample there`;

/** Throws an error that says which benchmarks and options there are. */
export function readArguments<B>(args: readonly string[], benchmarks: Readonly<Record<string, B>>): Arguments<B> {
  const usage = `Usage: npm run bench -- ${Object.keys(benchmarks).join('|')} [options]${flagHelp}`;
  const { values, positionals } = parse(args, usage);
  const [name, ...rest] = positionals;
  if (name === undefined || rest.length > 0) throw new Error(usage);
  const load = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
  if (load === undefined) {
    throw new Error(`There is no benchmark ${name}; there are: ${Object.keys(benchmarks).join(', ')}.`);
  }
  const count = (flag: Exclude<keyof typeof flags, 'only' | 'json'>, least = 1): number => {
    const value = Number(values[flag]);
    if (Number.isInteger(value) && value >= least) return value;
    throw new Error(`--${flag} has to be a whole number above ${least - 1}, not ${values[flag]}.`);
  };
  const options = {
    seconds: count('seconds'),
    rounds: count('rounds'),
    warmUpSeconds: count('warm-up'),
    connections: count('connections'),
    bodyBytes: count('body'),
    routes: count('routes'),
    subscribers: count('subscribers'),
    streams: count('streams'),
    changes: count('changes'),
    slow: count('slow', 0),
    only: values.only.split(',').filter((one) => one !== ''),
  };
  return { name, load, options, jsonFile: values.json };
}

function parse(args: readonly string[], usage: string): ReturnType<typeof parseFlags> {
  try {
    return parseFlags(args);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${usage}`);
  }
}

const parseFlags = (args: readonly string[]) => parseArgs({ args: [...args], options: flags, allowPositionals: true });
