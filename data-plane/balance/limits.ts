/** Bounds of balancing that no configuration sets; all ours, those of hash tables by measurement (docs/hashing.md). */
export const limits = {
  /** Steps of a build that are taken at once: enough for rings of up to about 4,000 entries; one or two milliseconds. */
  stepsAtOnce: 16,
  /** What a build takes of one turn of the loop; a step more may be in it. */
  sliceMs: 2,
  /** Entries of a table that is being replaced which are looked at, for an endpoint that is still there. */
  staleAttempts: 32,
  /** Draws among endpoints on probation before all are looked at. */
  utilizationDraws: 8,
  /** Subsets of a hashing cluster whose tables are built before anybody asks for them. */
  subsetsAhead: 64,
  /** Picks that a new weighted order is ahead at most: under a millisecond. */
  picksBeforeStart: 1_024,
} as const;
