/** What Envoys are told to take, where documents say nothing. */
export const limits = {
  /** Held of a connection, each way, before its peer is no longer read (Envoy's edge page; alone it takes a mebibyte). */
  connectionBufferBytes: 32 * 1024,
} as const;
