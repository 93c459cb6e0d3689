/** The part of `fairlead status` that tells which endpoints are not healthy: nothing where all are. */
import type { ClusterHealth, ClusterName, NodeState } from './client.ts';
import { age, paint, table } from './output.ts';

/** A line an endpoint and state; healthy ones stand beside others only, to say how many nodes see it so. */
export function unwellTable(clusters: readonly ClusterHealth[], nowMs: number): string {
  const rows = clusters.flatMap((cluster) =>
    cluster.endpoints.flatMap(({ endpoint, states }) =>
      Object.entries(states).map(([state, { nodes, since, reason = '' }]) => [
        ...[clusterName(cluster), endpoint, stateWord(state), `${nodes}/${cluster.nodes}`, age(since, nowMs), reason],
      ]),
    ),
  );
  return rows.length === 0 ? '' : table(['CLUSTER', 'ENDPOINT', 'STATE', 'NODES', 'SINCE', 'REASON'], rows);
}

export function unwellOfNode({ health = [] }: NodeState, nowMs: number): string {
  const rows = health.flatMap((cluster) =>
    cluster.endpoints
      .filter(({ state }) => state !== 'healthy')
      .map(({ endpoint, state, since, reason = '' }) => [
        ...[clusterName(cluster), endpoint, stateWord(state), age(since, nowMs), reason],
      ]),
  );
  return rows.length === 0 ? '' : table(['CLUSTER', 'ENDPOINT', 'STATE', 'SINCE', 'REASON'], rows);
}

export function clusterName({ tenant, name }: ClusterName): string {
  return tenant === undefined ? name : `${tenant}/${name}`;
}

function stateWord(state: string): string {
  if (state === 'healthy') return paint('green', state);
  return state === 'unhealthy' || state === 'ejected' ? paint('red', state) : paint('yellow', state);
}
