/** The arguments of `npm run bench`. */
import { parseArgs } from 'node:util';
import type { Benchmark, BenchOptions } from './harness/bench.ts';

/** A benchmark is one module; it stands in main.ts from the day it measures something. */
export interface BenchmarkEntry {
  readonly load: () => Promise<Benchmark>;
  /** Where its defaults differ from those of the others. */
  readonly defaults?: Partial<Record<CountFlag, string>>;
}

export interface Arguments {
  readonly name: string;
  readonly load: () => Promise<Benchmark>;
  readonly options: BenchOptions;
  /** Where every sample is to be written. */
  readonly jsonFile: string | undefined;
}

const counts = {
  seconds: '5',
  rounds: '5',
  'warm-up': '3',
  connections: '64',
  body: '1024',
  routes: '1',
  subscribers: '1000',
  streams: '20',
  changes: '10',
  slow: '0',
} as const;

type CountFlag = keyof typeof counts;

const flags = {
  ...(Object.fromEntries(Object.keys(counts).map((name) => [name, { type: 'string' }])) as Record<
    CountFlag,
    { type: 'string' }
  >),
  only: { type: 'string', default: '' },
  json: { type: 'string' },
  grpc: { type: 'boolean', default: false },
} as const;

const flagHelp = `
  --seconds N      length of one turn (5)
  --rounds N       turns of each contender (5)
  --warm-up N      seconds before the first turn of each (3)
  --connections N  l7: keep-alive connections (64); h2: connections (8)
  --body BYTES     length of an answer's body, also as 64k (1024)
  --routes N       l7: routes, a hundred a host (1); scale, xds: routes, at most (20000)
  --subscribers N  xds: incremental subscribers (1000)
  --streams N      h2: streams a connection (8); xds: the same (20)
  --changes N      scale, xds: changes of one turn (10)
  --slow N         xds: subscribers that stop reading halfway (0)
  --grpc           h2, profile-h2: calls as gRPC makes them
  --only A,B       only these contenders; also kinds of work: l4 and profile-l4 (messages, connections, down, up),
                   udp (trips, sessions); kernel takes these alone (connections, messages, datagrams)
  --json FILE      write every sample there`;

/** Throws an error that says which benchmarks and options there are. */
export function readArguments(
  args: readonly string[],
  benchmarks: Readonly<Record<string, BenchmarkEntry>>,
): Arguments {
  const usage = `Usage: npm run bench -- ${Object.keys(benchmarks).join('|')} [options]${flagHelp}`;
  const { values, positionals } = parse(args, usage);
  const [name, ...rest] = positionals;
  if (name === undefined || rest.length > 0) throw new Error(usage);
  const benchmark = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
  if (benchmark === undefined) {
    throw new Error(`There is no benchmark ${name}; there are: ${Object.keys(benchmarks).join(', ')}.`);
  }
  const count = (flag: CountFlag, least = 1): number => {
    const text = values[flag] ?? benchmark.defaults?.[flag] ?? counts[flag];
    const value = flag === 'body' ? bytesOf(text) : Number(text);
    if (Number.isInteger(value) && value >= least) return value;
    throw new Error(`--${flag} has to be a whole number above ${least - 1}, not ${text}.`);
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
    grpc: values.grpc,
    only: values.only.split(',').filter((one) => one !== ''),
  };
  return { name, load: benchmark.load, options, jsonFile: values.json };
}

/** `64k` is 65536. */
function bytesOf(text: string): number {
  return text.endsWith('k') ? Number(text.slice(0, -1)) * 1_024 : Number(text);
}

function parse(args: readonly string[], usage: string): ReturnType<typeof parseFlags> {
  try {
    return parseFlags(args);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${usage}`);
  }
}

const parseFlags = (args: readonly string[]) => parseArgs({ args: [...args], options: flags, allowPositionals: true });
