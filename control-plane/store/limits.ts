/** The store's limits; the sources are the project's own. */

export const limits = {
  /** Longest wait between two looks at the database when no hint comes. */
  pollMs: 2_000,
  /** A statement of the server database, waiting for the revision lock included. */
  statementTimeoutMs: 10_000,
  /** A connection that says nothing inside a transaction is cut, so that a frozen replica frees the revision lock. */
  idleInTransactionMs: 10_000,
  connectTimeoutMs: 5_000,
  connections: 4,
  /** Pauses between attempts to listen again. */
  reconnectMs: { first: 250, most: 2_000 },
  /** How long a commit without an answer is looked into, and how often. */
  unknownCommit: { withinMs: 5_000, everyMs: 250 },
  /** Revisions read at once while catching up. */
  revisionsAtOnce: 256,
  /** Rows a statement: PostgreSQL takes 65,535 parameters, a document needs 12. */
  rowsAStatement: 500,
  /** A token's use is noted at most this often. */
  tokenTouchMs: 60_000,
  embedded: {
    /** A new store takes 30 MB at once and its log grows by some more. */
    freeBytesAtFirst: 64 * 1024 * 1024,
    /** An engine that died recovers from its log, which takes room. */
    freeBytesAtRestart: 4 * 1024 * 1024,
    /** Longest pause between attempts to start an engine again. */
    mostPauseMs: 30_000,
    /** An embedded engine that says nothing for so long is given up and started anew. */
    silenceMs: 60_000,
  },
} as const;
