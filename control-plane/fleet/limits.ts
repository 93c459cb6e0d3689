/** Bounds of what the fleet remembers, each with its source. */
export const limits = {
  /** Ours: nodes that went away and stay listed; the one gone longest makes room. */
  disconnectedNodes: 1_000,
  /** Ours: of a refusal's text, as xds-client-cases.md, A1, asks of those who send it. */
  errorLength: 4_096,
  /** Ours: a replica shows that it lives, and looks what the others wrote, at least this often. */
  heartbeatMs: 2_000,
  /** Ours: five heartbeats. The nodes of a replica that was silent for so long are shown as disconnected. */
  deadReplicaMs: 10_000,
  /** Ours: a replica that was silent for so long is forgotten, with those of its nodes that never came back. */
  forgetReplicaMs: 3_600_000,
  /** Ours: what happens to nodes is written in batches, at most once a second. */
  writePace: { settleMs: 50, gapMs: 1_000 },
  /** Ours: however many replicas write, each one looks at most five times a second. */
  readPace: { settleMs: 0, gapMs: 200 },
  /** Ours: a node that vanished is waited for so long, once another serves: a replica is seen to be dead in `deadReplicaMs`. */
  lostNodeMs: 10_000,
  /** Ours: where nodes are is looked at, and told, at most so often. */
  placementPace: { settleMs: 0, gapMs: 100 },
  /** Ours: nodes move seldom, and what a crash forgets is what moved within this time. */
  placeWritePace: { settleMs: 10, gapMs: 200 },
  /** Ours: a node counts in the load until it has missed so many reports. */
  loadIntervals: 3,
  /** Ours: ten times the fleet that one replica is measured with; as many connections are taken. */
  loadNodes: 10_000,
  /** Ours: of one node, clusters and localities of each. */
  loadClusters: 10_000,
  loadLocalities: 64,
  /** Ours: of one node, clusters that are shown: the busiest. */
  loadClustersShown: 500,
  /** Ours: half the time between a node's reports, so that the others see each of them. */
  loadWritePace: { settleMs: 1_000, gapMs: 4_000 },
  /** Ours: a locality or an endpoint takes 100 to 200 bytes, so a write is 2 MB for each of the four subjects at most. */
  reportPartsAWrite: 10_000,
  /** Ours: as `loadNodes`, of those that report health and of those that tell their state; and endpoints of one node, in all of its clusters together. */
  healthNodes: 10_000,
  stateNodes: 10_000,
  healthEndpoints: 50_000,
} as const;
