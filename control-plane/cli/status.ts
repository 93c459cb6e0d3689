/** `fairlead status`: the fleet, node by node and type by type; of one node its load as well; who is not healthy; every refusal in full. */
import {
  type Client,
  type ClusterLoad,
  type LoadCounts,
  type NodeState,
  RefusedError,
  type TypeState,
} from './client.ts';
import { age, paint, print, table } from './output.ts';
import { clusterName, unwellOfNode, unwellTable } from './status-health.ts';

/** From the socket inwards; the rest, which few nodes ask for, follow. */
const typeOrder = ['listeners', 'secrets', 'routes', 'virtualHosts', 'clusters', 'endpoints'];
/** Shown of every fleet, the others where a node has them. */
const mainTypes: ReadonlySet<string> = new Set(['listeners', 'routes', 'clusters', 'endpoints']);

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
  const draining = nodes.flatMap(drainingText);
  if (draining.length > 0) print(`\n${draining.join('\n')}`);
  if (id !== undefined && nodes[0]!.load !== undefined) print(`\n${loadTable(nodes[0]!.load)}`);
  const unwell = id === undefined ? await unwellOfFleet(client) : unwellOfNode(nodes[0]!, Date.now());
  if (unwell !== '') print(`\n${unwell}`);
  for (const text of refusals(nodes)) print(`\n${text}`);
}

/** The fleet is shown also while replicas cannot share what their nodes report. */
async function unwellOfFleet(client: Client): Promise<string> {
  try {
    return unwellTable(await client.unwell(), Date.now());
  } catch (error) {
    if (!(error instanceof RefusedError) || error.status !== 503) throw error;
    return paint('yellow', `The health of endpoints cannot be shown: ${error.message}`);
  }
}

function fleetTable(nodes: readonly NodeState[], nowMs: number): string {
  const known = new Set(nodes.flatMap(({ types }) => Object.keys(types)));
  const shown = inOrder([...new Set([...mainTypes, ...known])]);
  const head = ['NODE', 'GROUP', 'CONNECTED', ...shown.map((type) => type.toUpperCase()), 'SINCE'];
  const rows = nodes.map((node) => [
    node.id,
    node.group,
    node.connected ? paint('green', 'yes') : paint('red', 'no'),
    ...shown.map((type) => stateCell(node.types[type])),
    age(node.since, nowMs),
  ]);
  return table(head, rows);
}

function nodeTable(node: NodeState, nowMs: number): string {
  const connection = node.connected ? paint('green', 'connected') : paint('red', 'not connected');
  const agent = node.userAgent === '' ? '' : `, ${node.userAgent}`;
  const zone = node.zone === '' ? '' : `, zone ${node.zone}`;
  const rows = orderedTypes(node).map(([type, state]) => [
    type,
    stateWord(state.state),
    state.version ?? '-',
    state.since === undefined ? '-' : age(state.since, nowMs),
  ]);
  const about = `${paint('bold', node.id)} of ${node.group}, ${connection} since ${node.since}${agent}${zone}`;
  return `${about}\n\n${table(['TYPE', 'STATE', 'VERSION', 'SINCE'], rows)}`;
}

/** A line a node that drains or is about to end. */
function drainingText({ id, phase, connected, draining }: NodeState): string[] {
  const word = paint('yellow', 'DRAINING');
  if (draining === undefined) return phase === 'leaving' && connected ? [`${word} ${id}: it is about to end`] : [];
  const { connections, deadline, by } = draining;
  const left = connections === undefined ? '' : `, ${connections} connections left`;
  const state = connected ? `until ${deadline}${left}` : 'it is away';
  return [`${word} ${id}: ${state}, ordered by ${by}`];
}

/** A line a cluster, and one a locality of it. */
function loadTable(load: readonly ClusterLoad[]): string {
  if (load.length === 0) return paint('dim', 'No load is reported.');
  const rows = load.flatMap((cluster) => {
    const { localities, dropped } = cluster;
    const places = localities.map((one) => [`  ${placeOf(one)}`, ...countCells(one), '']);
    return [[clusterName(cluster), ...countCells(cluster), String(dropped)], ...places];
  });
  return table(['LOAD OF', 'ISSUED', 'SUCCESSFUL', 'ERRORS', 'IN PROGRESS', 'DROPPED'], rows);
}

function placeOf({ region, zone, subZone }: ClusterLoad['localities'][number]): string {
  return [region, zone, subZone].filter((part) => part !== '').join('/') || 'no zone';
}

function countCells({ issued, successful, errors, inProgress }: LoadCounts): string[] {
  return [issued, successful, errors, inProgress].map(String);
}

function orderedTypes(node: NodeState): [string, TypeState][] {
  return inOrder(Object.keys(node.types)).map((type) => [type, node.types[type]!]);
}

function inOrder(types: readonly string[]): string[] {
  return [...typeOrder.filter((type) => types.includes(type)), ...types.filter((type) => !typeOrder.includes(type))];
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
