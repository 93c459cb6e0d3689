/** Bounds of one data-plane node that no configuration sets, each with its source (reliability.md, appendix A). */
export const limits = {
  /** Request line, bytes (RFC 9112 section 3). */
  requestLineBytes: 8 * 1024,
  /** Response head from an upstream, bytes and fields (Envoy: 60 KiB, 100). */
  responseHeaderBytes: 60 * 1024,
  responseHeaders: 100,
  /** Chunk extensions of one message (Node CVE-2024-22019). */
  chunkExtensionBytes: 16 * 1024,
  trailerBytes: 8 * 1024,
  trailers: 20,
  /** Informational responses before the final one (Envoy CVE-2024-53271 is about their number). */
  informationalResponses: 100,
  /** From the last answer on a connection that closes to the moment it is cut (Envoy's delayed_close_timeout). */
  delayedCloseMs: 1_000,
  /** A request, head and body, that is kept in case it must be sent again (Envoy's edge page: buffers of 32 KiB). */
  replayBytes: 32 * 1024,
  /** Of a body that a filter holds back until it has seen the request (Envoy's per_connection_buffer_limit_bytes). */
  filterBodyBytes: 1024 * 1024,
  /** Connections a listener, and a node (Envoy's edge page). */
  connectionsPerListener: 10_000,
  /** Until a listener that could not be bound is tried again. */
  bindRetryMs: 2_000,
  /** One read from a socket. */
  readBytes: 64 * 1024,
  /** After a graceful stop was asked for, until connections are cut. */
  drainTimeoutMs: 30_000,
} as const;
