/** Bounds of looking names up; the sources are the project's own, but where one is named. */
export const limits = {
  /** From one answer to the next question about a name, whatever its records and the configuration say. */
  leastRefreshMs: 1_000,
  /** How long a configuration waits for the first answers about its names before it serves without them. */
  firstAnswersMs: 5_000,
  /** One question to one server, and how many of them. */
  questionMs: 2_000,
  questions: 2,
  /** Addresses that a connection to a logical cluster tries: each has 250 ms, and connect timeouts are seconds. */
  logicalAddresses: 4,
  /** Longer is no time to live (RFC 2181 section 8). */
  mostTtlSeconds: 2 ** 31 - 1,
  /** Longest wait of a timer of Node's. */
  mostRefreshMs: 2 ** 31 - 1,
} as const;
