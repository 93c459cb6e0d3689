/** The demo fleet at work: ports checked, documents applied, nodes started, traffic seen. */
import http from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartError } from '../wire.ts';
import type { Children } from './children.ts';
import { type Client, RefusedError } from './client.ts';
import { demoDocuments, demoHost, demoPorts, demoSet, type FleetPlan, nodeProcesses, ports } from './demo.ts';

/** Throws a StartError that names the port and says how to choose others. */
export async function demandFreePorts(offset: number): Promise<void> {
  const taken = await Promise.all(
    demoPorts(offset).map(async (entry) => ((await isFree(entry.port)) ? [] : [`${entry.port} (${entry.purpose})`])),
  );
  const names = taken.flat();
  if (names.length === 0) return;
  throw new StartError(
    'EADDRINUSE',
    `In use already on 127.0.0.1: port ${names.join(', ')}.`,
    `Stop what holds it (perhaps another fairlead up), or move the whole demo: fairlead up --demo --port-offset ${offset + 10_000}`,
  );
}

async function isFree(port: number): Promise<boolean> {
  const probe = net.createServer();
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen({ host: '127.0.0.1', port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/** Applies the demo's documents once: whatever people made of them since is theirs. Returns what to tell. */
export async function applyDemo(client: Client, offset: number): Promise<string> {
  const listeners = await client.list('/v1/listeners');
  const front = listeners.find(({ name }) => name === 'front');
  if (front) {
    const port = (front.spec as { port?: number }).port ?? 0;
    const wanted = ports.front + offset;
    if (port === wanted) return 'Found the documents of an earlier start; they stay as they are.';
    throw new StartError(
      'demo-ports',
      `The documents in this store say that the front door is on port ${port}, and the demo would look for it on ${wanted}.`,
      `Start with --port-offset ${port - ports.front}, or with another --home.`,
    );
  }
  try {
    const { revision, changes } = await client.apply(demoDocuments(offset), { set: demoSet });
    return `Applied the ${changes.length} documents of examples/demo as revision ${revision}.`;
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    throw new StartError(
      'demo-refused',
      `The demo's documents do not go together with those in this store: ${error.message}`,
      'Start the demo with another --home.',
    );
  }
}

/** Makes new tokens for the nodes (those of an earlier start are revoked) and starts them. */
export async function startNodes(children: Children, client: Client, plan: Omit<FleetPlan, 'tokens'>): Promise<void> {
  const name = 'demo fleet';
  const old = (await client.tokens()).filter((token) => token.name === name);
  const [edge, front] = await Promise.all([
    client.createToken({ role: 'node:edge', name }),
    client.createToken({ role: 'node:front', name }),
  ]);
  for (const spec of nodeProcesses({ ...plan, tokens: { edge: edge.token, front: front.token } })) children.start(spec);
  await Promise.all(old.map((token) => client.revokeToken(token.id)));
}

/** The types that each node asks for. */
const wantedTypes = {
  'edge-1': ['listeners', 'routes', 'clusters', 'endpoints'],
  'edge-2': ['listeners', 'routes', 'clusters', 'endpoints'],
  'l4-1': ['listeners', 'clusters', 'endpoints'],
} as const;

/** Resolves when every node is synced and the front door answers; or the signal fires. Throws when time is up. */
export async function waitForDemo(
  client: Client,
  offset: number,
  signal: AbortSignal,
  timeoutMs = 60_000,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!signal.aborted) {
    if ((await answers(ports.front + offset)) && (await allSynced(client))) return;
    if (performance.now() > deadlineMs) {
      throw new StartError(
        'demo-silent',
        `The demo does not answer on port ${ports.front + offset} after ${timeoutMs / 1_000} s.`,
        'See node.log in the folders of the nodes, beside the store.',
      );
    }
    await sleep(50);
  }
}

async function allSynced(client: Client): Promise<boolean> {
  const nodes = new Map((await client.fleet()).items.map((node) => [node.id, node]));
  return Object.entries(wantedTypes).every(([id, types]) => {
    const node = nodes.get(id);
    return node?.connected === true && types.every((type) => node.types[type]?.state === 'synced');
  });
}

async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.get(
      { host: '127.0.0.1', port, path: '/api/v1/orders', headers: { host: demoHost }, agent: false, timeout: 1_000 },
      (response) => {
        response.resume();
        response.on('close', () => resolve(response.statusCode === 200 && response.complete));
      },
    );
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}
