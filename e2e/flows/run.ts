import { setTimeout as delay } from 'node:timers/promises';
import { startEnvoy } from '../support/envoy.ts';
import { type Cleanup, type ControlPlaneProcess, run, startControlPlane, startDataPlane } from '../support/fairlead.ts';
import { freePorts } from '../support/ports.ts';
import { endpointsOf, type Flow, type OpenFlow, openAll, startEcho, type Target } from './flows.ts';
import { type Hash, hashes, kinds, virtual } from './hashes.ts';
import { Expected } from './tables.ts';

const patienceMs = 20_000;
const pauseMs = 50;
const nodes = 3;
/** By which nothing is said first: whatever these endpoints hear is theirs. */
const plain = ['source', 'five-tuple'] as const;

export interface Fleet {
  readonly controlPlane: ControlPlaneProcess;
  /** By hash: our nodes, then the Envoy. */
  readonly targets: Readonly<Record<Hash, readonly Target[]>>;
  readonly stages: readonly Stage[];
  /** What is hashed of a flow. */
  textOf(hash: Hash, flow: Flow): string;
}

export interface Stage {
  readonly name: string;
  /** Ports of endpoints on 127.0.0.1. */
  readonly endpoints: readonly number[];
}

/** @param envoy there is one to compare with */
export async function startFleet(cleanup: Cleanup, endpointCount: number, envoy: boolean): Promise<Fleet> {
  const endpoints = await Promise.all(Array.from({ length: endpointCount + 1 }, () => startEcho(cleanup)));
  const first = endpoints.slice(0, -1);
  const middle = Math.floor(endpointCount / 2);
  const stages = [
    { name: `${endpointCount} endpoints`, endpoints: first },
    { name: 'one is removed', endpoints: first.toSpliced(middle, 1) },
    { name: 'one is added', endpoints: endpoints.toSpliced(middle, 1) },
  ];
  const ports = await portsByHash();
  const controlPlane = await startControlPlane(cleanup);
  const listeners = hashes.map((hash) => listenerDocuments(hash, ports[hash]));
  await controlPlane.apply(groupDocument + clusterDocument(first) + listeners.join(''));
  const binds = hashes.flatMap((hash) => ['--bind', `${hash}=127.0.0.1:0`]);
  const started = await Promise.all(
    Array.from({ length: nodes }, (_, index) => {
      // one of them by two threads, which have to agree as well
      const threads = index === 0 ? ['--concurrency', '2'] : [];
      return startDataPlane(cleanup, controlPlane, 'l4', `n${index + 1}`, [...binds, ...threads]);
    }),
  );
  if (envoy) await startNeighbour(cleanup, controlPlane);
  const targets = await byHash(async (hash) => {
    const { begin } = kinds[hash];
    const ours = started.map(async (node): Promise<Target> => {
      return { name: node.id, address: '127.0.0.1', port: await node.port(hash), begin };
    });
    const neighbour = { name: 'Envoy', address: virtual, port: ports[hash], begin };
    return [...(await Promise.all(ours)), ...(envoy ? [neighbour] : [])];
  });
  return { controlPlane, targets, stages, textOf: (hash, flow) => kinds[hash].textOf(flow, ports[hash]) };
}

async function byHash<T>(make: (hash: Hash) => Promise<T>): Promise<Record<Hash, T>> {
  const made = await Promise.all(hashes.map(async (hash) => [hash, await make(hash)] as const));
  return Object.fromEntries(made) as Record<Hash, T>;
}

async function startNeighbour(cleanup: Cleanup, controlPlane: ControlPlaneProcess): Promise<void> {
  const args = ['bootstrap', 'envoy', '--group', 'l4', '--id', 'envoy', '--xds', controlPlane.xds];
  const { stdout } = await run(args, controlPlane.env);
  const envoy = await startEnvoy({ bootstrap: stdout });
  cleanup.add(() => envoy.stop());
}

/** At the address of the documents. */
async function portsByHash(): Promise<Record<Hash, number>> {
  const ports = await freePorts(hashes.length, virtual);
  return byHash(async (hash) => ports[hashes.indexOf(hash)]!);
}

export interface Mapped {
  readonly hash: Hash;
  readonly expected: readonly number[];
  /** `node: flow, where it went` of those that went elsewhere and went on doing so. */
  readonly differences: readonly string[];
}

/** Applies a stage and asks every node and the Envoy where each flow leads. */
export async function mapStage(fleet: Fleet, { endpoints }: Stage, flows: readonly Flow[]): Promise<Mapped[]> {
  await fleet.controlPlane.apply(clusterDocument(endpoints));
  const tables = new Expected(endpoints);
  const mapped: Mapped[] = [];
  for (const hash of hashes) {
    const expected = flows.map((flow) => tables.endpointOf(fleet.textOf(hash, flow)));
    const differences: string[] = [];
    for (const target of fleet.targets[hash]) differences.push(...(await differ(target, flows, expected)));
    mapped.push({ hash, expected, differences });
  }
  return mapped;
}

/** What differs is asked again until the node has taken up what was applied. */
async function differ(target: Target, flows: readonly Flow[], expected: readonly number[]): Promise<string[]> {
  const deadline = Date.now() + patienceMs;
  let open = flows.map((_, index) => index);
  for (;;) {
    const asked = open;
    const answers = await endpointsOf(
      target,
      asked.map((index) => flows[index]!),
    );
    const wrong = asked.flatMap((index, at) =>
      answers[at] === expected[index] ? [] : [{ index, answer: answers[at] }],
    );
    open = wrong.map(({ index }) => index);
    if (open.length === 0) return [];
    if (Date.now() > deadline) {
      return wrong.map(
        ({ index, answer }) => `${target.name}: ${flows[index]!.address}:${flows[index]!.port}, ${answer}`,
      );
    }
    await delay(pauseMs);
  }
}

/** Connections to every one of our nodes, by the plain listeners. */
export async function keepFlows(cleanup: Cleanup, fleet: Fleet, flows: readonly Flow[]): Promise<OpenFlow[]> {
  const kept: OpenFlow[] = [];
  cleanup.add(() => {
    for (const flow of kept) flow.cut();
  });
  for (const hash of plain) {
    for (const target of fleet.targets[hash].slice(0, nodes)) kept.push(...(await openAll(target, flows)));
  }
  return kept;
}

/** How many of them still carry bytes. */
export async function stillEcho(kept: readonly OpenFlow[], line: string): Promise<number> {
  const answers = await Promise.all(kept.map((flow) => flow.repeats(line).catch(() => false)));
  return answers.filter(Boolean).length;
}

const groupDocument = 'kind: NodeGroup\nname: l4\nspec: { tier: l4 }\n';

function listenerDocuments(hash: Hash, port: number): string {
  const listener = `{ groups: [l4], address: ${virtual}, port: ${port}, ${kinds[hash].protocol} }`;
  const route = `{ listener: ${hash}, hash: ${hash}, to: [{ cluster: flows }], datapath: user }`;
  return document('Listener', hash, listener) + document('L4Route', hash, route);
}

function clusterDocument(endpoints: readonly number[]): string {
  const list = endpoints.map((port) => `{ address: 127.0.0.1, port: ${port} }`).join(', ');
  return document('Cluster', 'flows', `{ protocol: tcp, endpoints: [${list}], balance: { policy: maglev } }`);
}

function document(kind: string, name: string, spec: string): string {
  return `---\nkind: ${kind}\nname: ${name}\nspec: ${spec}\n`;
}
