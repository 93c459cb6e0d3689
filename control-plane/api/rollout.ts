/** How far a revision is on its way: from what was published and what the nodes say. Pure. */
import type { NodeTypeView, NodeView } from '../fleet/node.ts';
import type { GroupStatus } from '../publish/publisher.ts';
import type { XdsType } from '../xds/ports.ts';

export interface GroupRollout {
  readonly group: string;
  /** `unaffected`: the revision changed nothing that the group is served. */
  readonly state: 'pending' | 'unaffected' | 'progressing' | 'complete' | 'failed';
  /** Connected nodes, by what they say of what is served now. */
  readonly nodes: {
    readonly connected: number;
    readonly synced: number;
    readonly stale: number;
    readonly nack: number;
  };
  /** Sentences. */
  readonly problems: readonly string[];
}

export interface Rollout {
  readonly revision: number;
  readonly state: 'pending' | 'progressing' | 'complete' | 'failed';
  readonly groups: readonly GroupRollout[];
}

/** What a group is served: the revision that last changed it, and whether a version of an xDS type is of it. */
export interface ServedVersions {
  readonly revision: number;
  readonly isServed: (type: XdsType, version: string) => boolean;
}

export interface RolloutSources {
  readonly groups: readonly GroupStatus[];
  readonly nodes: readonly NodeView[];
  readonly served: (group: string) => ServedVersions | undefined;
}

export function rolloutOf(revision: number, { groups, nodes, served }: RolloutSources): Rollout {
  const rollouts = groups.map((status) => {
    const connected = nodes.filter((node) => node.group === status.group && node.connected);
    return groupRollout(revision, status, connected, served(status.group));
  });
  const has = (state: GroupRollout['state']) => rollouts.some((rollout) => rollout.state === state);
  const state = has('failed') ? 'failed' : has('pending') ? 'pending' : has('progressing') ? 'progressing' : 'complete';
  return { revision, state, groups: rollouts };
}

function groupRollout(
  revision: number,
  { group, revision: published, failure }: GroupStatus,
  connected: readonly NodeView[],
  served: ServedVersions | undefined,
): GroupRollout {
  const states = connected.map((node) => nodeState(node, served));
  const count = (state: NodeState) => states.filter((one) => one === state).length;
  const nodes = { connected: connected.length, synced: count('synced'), stale: count('stale'), nack: count('nack') };
  const say = (state: GroupRollout['state'], problems: readonly string[] = []) => ({ group, state, nodes, problems });

  if (failure && failure.revision >= revision) return say('failed', failure.problems);
  if (published === undefined || published < revision) return say('pending');
  if (!served || served.revision < revision) return say('unaffected');
  if (nodes.nack > 0) return say('failed', connected.flatMap(refusals));
  return say(nodes.stale > 0 ? 'progressing' : 'complete');
}

type NodeState = 'synced' | 'stale' | 'nack';

function nodeState(node: NodeView, served: ServedVersions | undefined): NodeState {
  const types = (Object.entries(node.types) as [XdsType, NodeTypeView][]).filter(
    ([, type]) => type.state !== 'unknown',
  );
  if (types.some(([, { state }]) => state === 'nack')) return 'nack';
  // A node that was not told yet still calls itself synced, at the version before.
  const current = types.every(
    ([name, type]) => type.state === 'synced' && served?.isServed(name, type.version ?? '') === true,
  );
  return current && types.length > 0 ? 'synced' : 'stale';
}

function refusals(node: NodeView): string[] {
  return Object.entries(node.types)
    .filter(([, { state }]) => state === 'nack')
    .map(([type, { error }]) => `${node.id} refuses ${type}: ${error ?? ''}`);
}
