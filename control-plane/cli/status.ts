/** `fairlead status`: the fleet, node by node and type by type; every refusal in full. */
import type { Client, NodeState, TypeState } from './client.ts';
import { age, paint, print, table } from './output.ts';

/** From the socket inwards. */
const typeOrder = ['listeners', 'routes', 'clusters', 'endpoints'];

export async function status(client: Client, id: string | undefined, output: 'table' | 'json'): Promise<void> {
  const fleet = await client.fleet();
  const nodes = id === undefined ? fleet.items : [await client.node(id)];
  if (output === 'json') {
    print(JSON.stringify(id === undefined ? fleet : nodes[0], null, 2));
    return;
  }
  for (const problem of fleet.problems ?? []) print(`${paint('red', 'NOT READY')} ${problem}\n`);
  if (nodes.length === 0) {
    print('No node has connected yet. Start one: fairlead data-plane --group GROUP --id ID --xds HOST:PORT');
    return;
  }
  print(id === undefined ? fleetTable(nodes, Date.now()) : nodeTable(nodes[0]!, Date.now()));
  for (const text of refusals(nodes)) print(`\n${text}`);
}

function fleetTable(nodes: readonly NodeState[], nowMs: number): string {
  const head = ['NODE', 'GROUP', 'CONNECTED', ...typeOrder.map((type) => type.toUpperCase()), 'SINCE'];
  const rows = nodes.map((node) => [
    node.id,
    node.group,
    node.connected ? paint('green', 'yes') : paint('red', 'no'),
    ...typeOrder.map((type) => stateCell(node.types[type])),
    age(node.since, nowMs),
  ]);
  return table(head, rows);
}

function nodeTable(node: NodeState, nowMs: number): string {
  const connection = node.connected ? paint('green', 'connected') : paint('red', 'not connected');
  const agent = node.userAgent === '' ? '' : `, ${node.userAgent}`;
  const rows = orderedTypes(node).map(([type, state]) => [
    type,
    stateWord(state.state),
    state.version ?? '-',
    state.since === undefined ? '-' : age(state.since, nowMs),
  ]);
  const about = `${paint('bold', node.id)} of ${node.group}, ${connection} since ${node.since}${agent}`;
  return `${about}\n\n${table(['TYPE', 'STATE', 'VERSION', 'SINCE'], rows)}`;
}

function orderedTypes(node: NodeState): [string, TypeState][] {
  return Object.entries(node.types).sort(([a], [b]) => typeOrder.indexOf(a) - typeOrder.indexOf(b));
}

function stateCell(state: TypeState | undefined): string {
  if (state?.version === undefined) return stateWord(state?.state ?? 'unknown');
  return `${stateWord(state.state)} ${paint('dim', state.version.slice(0, 8))}`;
}

function stateWord(state: TypeState['state']): string {
  if (state === 'synced') return paint('green', 'synced');
  if (state === 'nack') return paint('red', 'NACK');
  return state === 'stale' ? paint('yellow', 'stale') : paint('dim', '-');
}

/** One paragraph a refusal: which node refused what, and its own words. */
function refusals(nodes: readonly NodeState[]): string[] {
  return nodes.flatMap((node) =>
    orderedTypes(node)
      .filter(([, state]) => state.state === 'nack')
      .map(
        ([type, state]) =>
          `${paint('red', 'NACK')} ${node.id} refuses ${type} ${state.version ?? ''}:\n  ${state.error ?? ''}`,
      ),
  );
}
