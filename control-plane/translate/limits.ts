/** What Envoys are told to take, where documents say nothing. */
export const limits = {
  /** Held of a connection, each way, before its peer is no longer read (Envoy's edge page; alone it takes a mebibyte). */
  connectionBufferBytes: 32 * 1024,
  /** Until a PROXY header is here (its specification, section 2: at least 3 s; senders write it at once). */
  proxyHeaderTimeoutMs: 3_000,
} as const;
