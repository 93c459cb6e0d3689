/** Bounds of the kernel datapath; all ours. */
export const limits = {
  /** How long the rules take new flows without a word from the node; it says one so often. */
  aliveSeconds: 60,
  refreshMs: 20_000,
  /** Endpoints that fell ill or got well since: what is seen within this time goes out together. */
  followMs: 250,
  /** Counters are read so often. */
  countMs: 5_000,
  /** While a node ends: flows that are left are counted so often. */
  drainLookMs: 500,
  /** One run of nft. */
  runMs: 10_000,
  /** Picks in one turn of the loop: well under a millisecond. */
  slotsAtOnce: 4_096,
} as const;
