/** Bounds of what the fleet remembers, each with its source. */
export const limits = {
  /** Ours: nodes that went away and stay listed; the one gone longest makes room. */
  disconnectedNodes: 1_000,
  /** Ours: of a refusal's text, as xds-client-cases.md, A1, asks of those who send it. */
  errorLength: 4_096,
} as const;
