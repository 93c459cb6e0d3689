/** Bounds of what the fleet remembers, each with its source. */
export const limits = {
  /** Ours: nodes that went away and stay listed; the one gone longest makes room. */
  disconnectedNodes: 1_000,
  /** Ours: of a refusal's text, as xds-client-cases.md, A1, asks of those who send it. */
  errorLength: 4_096,
  /** Ours: a node counts in the load until it has missed so many reports. */
  loadIntervals: 3,
  /** Ours: ten times the fleet that one replica is measured with; as many connections are taken. */
  loadNodes: 10_000,
  /** Ours: of one node, clusters and localities of each. */
  loadClusters: 10_000,
  loadLocalities: 64,
} as const;
