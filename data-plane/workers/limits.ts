/** Bounds of the threads of a node. */
export const limits = {
  /** Until a worker that died is replaced: at first, and at most where it dies again and again. */
  restartMs: 100,
  restartMostMs: 10_000,
  /** Who lived so long starts at the first wait again. */
  steadyMs: 60_000,
  /** A worker that is asked for what it has at hand answers within this time, or the page that asked fails. */
  answerMs: 2_000,
  /** A worker that is told to stop writes its last lines and ends within this time, or is ended. */
  stopMs: 3_000,
  /** Each worker is called so often; one that has not answered so many calls is stuck, and ended (Envoy's watchdog). */
  callMs: 10_000,
  stuckCalls: 6,
  /** Endpoints whose counts share one piece of memory, which stays until the last of them has gone. */
  chunkEndpoints: 64,
  /** A worker says anew how much memory it takes. */
  measureMs: 5_000,
} as const;
