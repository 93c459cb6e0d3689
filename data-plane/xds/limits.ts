/** Bounds of the xDS client, each with its source. */
export const limits = {
  /** Text of a NACK, UTF-8 (the protocol bounds it; 4 KiB names a few dozen faults). */
  nackBytes: 4096,
  /** From the start of a connection attempt to giving it up (gRPC's connection back-off: 20 s). */
  connectTimeoutMs: 20_000,
  /** Pings on a quiet connection, and the wait for their answer: a server that is gone without a word is noticed in 30 s. */
  pingMs: 20_000,
  pingTimeoutMs: 10_000,
  /** One response: a node's whole configuration may come in one. */
  responseBytes: 64 * 1024 * 1024,
  /** Between attempts, doubling (Envoy's RetryInitialDelayMs and RetryMaxDelayMs). */
  retryBaseMs: 500,
  retryCapMs: 30_000,
  /** Until initialisation goes on without a resource (Envoy's initial_fetch_timeout). */
  resourceTimeoutMs: 15_000,
  /** Header lines of a request that a listener may allow: the parser has room for no more (data-plane/codec). */
  headers: 1_000,
  /** Connections of a listener that says nothing (Envoy's edge page). */
  connections: 10_000,
  /** What an HTTP/2 client is allowed at once where nothing is said (Envoy's edge page; Envoy itself is more generous). */
  http2Streams: 100,
  http2StreamWindowBytes: 64 * 1024,
  http2ConnectionWindowBytes: 1024 * 1024,
  /** Until a TLS handshake is done, where nothing is said (Node waits two minutes, Envoy for ever). */
  handshakeTimeoutMs: 10_000,
  /** Ways in which the filter chains of a listener may be matched, which are looked at for duplicates (ours). */
  filterChainKeys: 100_000,
  /** Endpoints compared for one request; each costs time in every request. */
  balanceChoices: 128,
  /** Between load reports, whatever the server asks for: neither a flood nor a report that nobody lives to see. */
  loadReportMinMs: 1_000,
  loadReportMaxMs: 3_600_000,
  /** Ours: how often the states of endpoints are looked at; what lasts shorter may go unseen. */
  healthLookMs: 1_000,
  /** Ours: endpoints in one message, well below the 4 MiB that servers take. */
  healthEndpointsAMessage: 5_000,
  /** Ours: how often a node looks whether it is another than it has told; and told how many connections are left of a drain. */
  stateLookMs: 250,
  connectionsTellMs: 2_000,
  /** Ours: a control plane that took no reports of ours is asked again; it may have been replaced by one that does. */
  askAgainMs: 600_000,
} as const;
