/** How often a control plane publishes. */
export interface PublishLimits {
  /** After a publication, changes wait until nothing new has come for so long. */
  readonly quietMs: number;
  /** No change waits longer, however fast others follow it. */
  readonly atMostMs: number;
}

export const publishLimits: PublishLimits = {
  // a script that puts its documents one by one does so every few milliseconds
  quietMs: 10,
  // still well under the second in which a change is to route traffic
  atMostMs: 100,
};

/** When nodes are told to drain. */
export const orderLimits = {
  /** Ours: an acknowledgement takes milliseconds; from another replica one write and one look, 1.5 s. */
  waitMs: 5_000,
  /** Ours: how often it is looked whether all have acknowledged, meanwhile. */
  lookMs: 50,
};
