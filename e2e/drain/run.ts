/**
 * L7 nodes are drained one after the other, and at last one is stopped, while clients come through the L4 tier. What was
 * sent and not answered is counted.
 */
import type { Cleanup, DataPlaneProcess } from '../support/fairlead.ts';
import { type Fleet, type FleetOptions, left, readyOf, startFleet, statOf } from './fleet.ts';
import { Load, type Sent, type Shape } from './load.ts';
import { type Joined, joinLogs } from './logs.ts';

export interface DrainRun extends FleetOptions {
  /** At least. */
  readonly requests: number;
  readonly shape: Shape;
  readonly random: () => number;
  readonly tell?: (line: string) => void;
}

export interface Drained {
  readonly node: string;
  readonly ready: readonly [during: string, after: string];
  /** Requests that it had served in all: when it was told to drain, when its clients had left, and before it was taken back. */
  readonly served: readonly [told: number, gone: number, back: number];
}

export interface DrainResult extends Sent {
  /** Both tiers' access logs. */
  readonly logs: Joined;
  /** How each node ended. */
  readonly exits: readonly (number | string)[];
  readonly drained: readonly Drained[];
  /** Requests of each node before one is stopped. */
  readonly served: readonly number[];
}

const requestsOf = (node: DataPlaneProcess): Promise<number> => statOf(node, 'downstream_rq_total');

export async function drainUnderLoad(cleanup: Cleanup, options: DrainRun): Promise<DrainResult> {
  const { requests, shape, random, tell = () => {} } = options;
  const fleet = await startFleet(cleanup, options);
  const load = new Load(fleet.port, shape, random);
  cleanup.add(() => load.end());
  const drained: Drained[] = [];
  const part = requests / 5;
  await load.until(part);
  for (const [i, node] of fleet.nodes.slice(0, 2).entries()) {
    drained.push(await drainOne(fleet, load, node, part / 2));
    const { sent, right, failures } = load.counts;
    tell(`${node.id} was drained and came back: ${sent} sent, ${right} answered, ${failures.length} failed`);
    await load.until(part * (3 + i));
  }
  const served = await Promise.all(fleet.nodes.map(requestsOf));
  const ports = await Promise.all(fleet.nodes.map((node) => node.port('web')));
  const [first, ...others] = [...fleet.nodes, fleet.front].map(({ program }) => program);
  // their last lines are written when they end
  const exits = [await first!.stop()];
  tell(`${fleet.nodes[0]!.id} was stopped: ${load.counts.sent} sent, ${load.counts.failures.length} failed`);
  await load.until(Math.max(requests, load.counts.sent + part / 2));
  await load.end();
  exits.push(...(await Promise.all(others.map((program) => program.stop()))));
  const nodeLogs = fleet.nodes.map(({ program }, i) => [`127.0.0.1:${ports[i]}`, program.stdout()] as const);
  const logs = joinLogs({ front: fleet.front.program.stdout(), nodes: new Map(nodeLogs) }, load.counts.right);
  return { ...load.counts, drained, served, logs, exits };
}

/** Away for as long as so many requests take. */
async function drainOne(fleet: Fleet, load: Load, node: DataPlaneProcess, requests: number): Promise<Drained> {
  const told = await requestsOf(node);
  await fleet.drain(node);
  const during = await readyOf(node);
  await left(node);
  const gone = await requestsOf(node);
  await load.until(load.counts.sent + requests);
  const back = await requestsOf(node);
  await fleet.undrain(node);
  return { node: node.id, ready: [during, await readyOf(node)], served: [told, gone, back] };
}
