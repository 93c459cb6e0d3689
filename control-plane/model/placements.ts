/** Where the nodes of a group serve a listener: what clusters with `nodes:` are made of. The fleet knows, translation asks. */

import type { EndpointSpec } from './specs.ts';

export interface Placement {
  /** Id of the node. */
  readonly node: string;
  readonly address: string;
  readonly port: number;
  /** Empty: none said. */
  readonly zone: string;
  /** It serves what it has, and wants no more. */
  readonly draining: boolean;
}

/** As endpoints of a cluster: a node is as good as any other. */
export function endpointsAt(placed: readonly Placement[]): EndpointSpec[] {
  return placed.map(({ address, port, zone, draining }) => {
    const state = draining ? 'draining' : 'enabled';
    return { address, port, zone, state, weight: 1, priority: 0, labels: {} };
  });
}

export interface Placements {
  /** By address and port; the same (===) for as long as nothing changes. */
  of(group: string, listener: string): readonly Placement[];
}

const none: readonly Placement[] = [];

/** Of a fleet without nodes. */
export const noPlacements: Placements = { of: () => none };
