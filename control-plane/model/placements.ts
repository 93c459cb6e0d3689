/** Where the nodes of a group serve a listener: what clusters with `nodes:` are made of. The fleet knows, translation asks. */

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

export interface Placements {
  /** By address and port; the same (===) for as long as nothing changes. */
  of(group: string, listener: string): readonly Placement[];
}

const none: readonly Placement[] = [];

/** Of a fleet without nodes. */
export const noPlacements: Placements = { of: () => none };
