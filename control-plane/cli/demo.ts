/** The demo fleet as data: its ports, its documents, its processes. Pure but for reading the example files. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import type { ChildSpec } from './children.ts';

/** The host that the demo serves. */
export const demoHost = 'shop.example.com';

/** Name of the apply set that the demo's documents belong to. */
export const demoSet = 'demo';

const folder = path.resolve(import.meta.dirname, '../../examples/demo');

export const ports = {
  front: 8080,
  edges: { 'edge-1': 8081, 'edge-2': 8082 },
  backends: { 'orders-1': 9001, 'orders-2': 9002, 'orders-v2': 9003, web: 9004 },
  /** Admin port of the L4 node; the L7 nodes take free ones. */
  admin: 7072,
} as const;

/** Every port that the demo opens, and what for. */
export function demoPorts(offset: number): { readonly port: number; readonly purpose: string }[] {
  return [
    { port: ports.front + offset, purpose: 'the front door (L4 node)' },
    ...Object.entries(ports.edges).map(([id, port]) => ({ port: port + offset, purpose: `the L7 node ${id}` })),
    ...Object.entries(ports.backends).map(([name, port]) => ({ port: port + offset, purpose: `the backend ${name}` })),
    { port: ports.admin + offset, purpose: 'the admin port of the L4 node' },
  ];
}

/** Example files of the demo: what it starts with, and what there is to try. */
export const tryFolder = path.join(folder, 'try');

/** The documents of the demo as YAML, with `offset` on every port. */
export function demoDocuments(offset: number): string {
  const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  const documents = files.sort().flatMap((name) => {
    const parsed = parseAllDocuments(readFileSync(path.join(folder, name), 'utf8'));
    return 'empty' in parsed ? [] : parsed.map((document) => document.toJS() as unknown);
  });
  return documents.map((document) => stringify(offset === 0 ? document : withOffset(document, offset))).join('---\n');
}

/** A copy with `offset` added to every field `port`. */
function withOffset(value: unknown, offset: number): unknown {
  if (Array.isArray(value)) return value.map((element) => withOffset(element, offset));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) =>
      name === 'port' && typeof field === 'number' ? [name, field + offset] : [name, withOffset(field, offset)],
    ),
  );
}

export interface FleetPlan {
  readonly home: string;
  readonly offset: number;
  /** HOST:PORT of the xDS server. */
  readonly xds: string;
  /** Token of each group's nodes. */
  readonly tokens: Readonly<Record<'edge' | 'front', string>>;
  readonly environment: NodeJS.ProcessEnv;
}

const entry = path.join(import.meta.dirname, 'main.ts');

/** Backends as one process. */
export function backendProcess(home: string, offset: number, environment: NodeJS.ProcessEnv): ChildSpec {
  const named = Object.entries(ports.backends).map(([name, port]) => `${name}=${port + offset}`);
  return {
    id: 'backends',
    args: [path.join(import.meta.dirname, 'demo-backends.ts'), ...named],
    environment,
    folder: path.join(home, 'backends'),
    files: { stdout: 'out.log', stderr: 'err.log' },
  };
}

/** The data-plane nodes, a process each. */
export function nodeProcesses(plan: FleetPlan): ChildSpec[] {
  const edges = Object.entries(ports.edges).map(([id, port]) =>
    nodeProcess(plan, 'edge', id, ['--bind', `public=127.0.0.1:${port + plan.offset}`], '127.0.0.1:0'),
  );
  return [...edges, nodeProcess(plan, 'front', 'l4-1', [], `127.0.0.1:${ports.admin + plan.offset}`)];
}

function nodeProcess(
  { home, xds, tokens, environment }: FleetPlan,
  group: 'edge' | 'front',
  id: string,
  more: readonly string[],
  admin: string,
): ChildSpec {
  return {
    id,
    // all of them share one machine with what they stand between
    args: [entry, 'data-plane', '--group', group, '--id', id, '--xds', xds, '--concurrency', '1', ...more],
    environment: { ...environment, FAIRLEAD_HOME: home, FAIRLEAD_TOKEN: tokens[group], FAIRLEAD_ADMIN: admin },
    folder: path.join(home, id),
    files: { stdout: 'access.log', stderr: 'node.log' },
  };
}
