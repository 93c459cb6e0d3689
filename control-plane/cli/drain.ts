/** `fairlead drain node` and `undrain node`: a node is taken out, followed until nothing is left, and put in again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Draining, NodeState } from './client.ts';
import { CliError } from './errors.ts';
import { print } from './output.ts';
import { bar, progressLine } from './progress.ts';

const pollMs = 200;
/** After its deadline: the node cuts what is left, and tells so. */
const patienceMs = 5_000;

export async function drainNode(
  client: Client,
  id: string,
  { timeout, wait }: { readonly timeout?: string | undefined; readonly wait: boolean },
): Promise<void> {
  const node = await client.drain(id, timeout);
  print(orderText(node));
  if (wait) await waitUntilEmpty(client, node);
}

export async function undrainNode(client: Client, id: string): Promise<void> {
  await client.undrain(id);
  print(`${id} takes connections again, as soon as it is live.`);
}

function orderText({ id, connected, draining }: NodeState): string {
  if (!connected) return `${id} is not connected: it will drain as soon as it is, until it is undrained.`;
  return `${id} drains. What is open at ${draining?.deadline} is cut.`;
}

/** Throws a CliError if connections are left when the time is up, or nobody can say. */
async function waitUntilEmpty(client: Client, node: NodeState): Promise<void> {
  const { id } = node;
  const progress = progressLine();
  const startMs = performance.now();
  let most = 0;
  try {
    for (let seen = node; ; seen = await client.node(id)) {
      const { connected, phase, draining } = seen;
      if (draining === undefined) throw new CliError(`${id} was undrained meanwhile.`);
      if (!connected) {
        progress.show(`${id}: gone`);
        return;
      }
      const { connections } = draining;
      if (connections === undefined || phase === undefined) {
        throw new CliError(`${id} does not tell how many connections it has: it is no Fairlead node.`, {
          lines: ['It is out of the clusters that are made of nodes all the same.'],
        });
      }
      most = Math.max(most, connections);
      progress.show(progressText(seen, draining, connections, most));
      if (phase === 'leaving' && connections === 0) return;
      if (performance.now() - startMs > lengthMs(draining) + patienceMs) {
        throw new CliError(`${id} still has ${connections} connections after its deadline.`);
      }
      await sleep(pollMs);
    }
  } finally {
    progress.end();
  }
}

/** Two times of the server's clock: the clock here may be another hour's. */
function lengthMs({ since, deadline }: Draining): number {
  return Date.parse(deadline) - Date.parse(since);
}

function progressText({ id, phase }: NodeState, draining: Draining, left: number, most: number): string {
  if (phase !== 'leaving') return `${id}: leaves the clusters that are made of nodes`;
  const done = left === 0 ? 'empty' : `${left} of ${most} connections left, until ${draining.deadline}`;
  return `${id}: ${bar(most - left, most)} ${done}`;
}
