/** Bounds of the access logs. */
export const logLimits = {
  /** A batch of this size is written at once, a smaller one after `flushMs`. */
  batchBytes: 64 * 1024,
  flushMs: 50,
  /** What waits at most while the destination is slow; lines beyond it are dropped. */
  waitingBytes: 4 * 1024 * 1024,
  /** The same trouble is reported once in this time. */
  reportMs: 60_000,
  /** A full pipe is tried again after this time. */
  retryMs: 10,
  /** How long closing waits for a full pipe. */
  closeMs: 1_000,
} as const;
