/** Bounds of the xDS server, each with its source. */
export const limits = {
  /** One request. gRPC's default; Istio's limit as well (reliability.md, appendix A). */
  requestBytes: 4 * 1024 * 1024,
  /** An un-ACKed response holds back what follows of its type for so long (xds-server-cases.md, 49). */
  ackWaitMs: 500,
  /** A peer that vanished without a word is noticed within 30 s (reliability.md, section 7: silent half-open). */
  keepaliveTimeMs: 20_000,
  keepaliveTimeoutMs: 10_000,
  /** Ours: the benchmark has 20 streams a connection; a node has 1 (ADS) or 4. */
  streamsPerConnection: 1_000,
  /** Ours: ten times the fleet of 1,000 nodes that one replica is measured with. */
  connections: 10_000,
  /** Ours: a subscriber that opened a stream says who it is within this time. */
  firstRequestMs: 30_000,
  /** Ours: node id and group; a DNS name has 253 characters at most. */
  nodeNameLength: 256,
  /** Ours: of a sentence that ends a stream; it travels in an HTTP/2 header. */
  statusLength: 1_024,
  /** Ours: nonces of un-ACKed responses that are remembered of a type; older ones count as unknown. */
  unackedNonces: 16,
  /** Ours: from one load report of a node to the next. */
  loadReportMs: 10_000,
  /** Ours: of a refusal's text that client status shows, as xds-client-cases.md, A1, asks of those who send it. */
  refusalLength: 4_096,
  /** Ours: one message of a streamed client status; a single resource may be larger. gRPC clients take 4 MiB. */
  statusMessageBytes: 1024 * 1024,
  /** A client status that is fetched in one message: gRPC's default of what a client takes, less its envelope. */
  statusFetchBytes: 3.5 * 1024 * 1024,
  /** Ours: a change reaches so many streams in one turn of the event loop, then others get theirs. */
  streamsPerTurn: 50,
} as const;
