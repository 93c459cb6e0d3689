/** Bounds of the xDS server, each with its source. */
export const limits = {
  grpc: {
    /** One request. gRPC's default; Istio's limit as well (reliability.md, appendix A). */
    messageBytes: 4 * 1024 * 1024,
    /** Ours: the benchmark has 20 streams a connection; a node has 1 (ADS) or 4. */
    callsPerConnection: 1_000,
    /** A peer that vanished without a word is noticed within 30 s (reliability.md, section 7: silent half-open). */
    keepaliveTimeMs: 20_000,
    keepaliveTimeoutMs: 10_000,
  },
  /** Ours: how often a watched health is looked at. */
  healthLookMs: 1_000,
  /** An un-ACKed response holds back what follows of its type for so long (xds-server-cases.md, 49). */
  ackWaitMs: 500,
  /**
   * Ours: a client that answers nothing keeps what went away for so long; it costs nobody anything. Envoy gives a
   * resource as long to come (initial_fetch_timeout).
   */
  removalWaitMs: 15_000,
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
  /** Ours: from one report of health of a node to the next, at least; only changes are told. */
  healthReportMs: 1_000,
  /** Ours: of the reason for an endpoint's state; a node's own are shorter. */
  healthReasonLength: 200,
  /** Ours: of a refusal's text that client status shows, as xds-client-cases.md, A1, asks of those who send it. */
  refusalLength: 4_096,
  /** Ours: one message of a streamed client status; a single resource may be larger. gRPC clients take 4 MiB. */
  statusMessageBytes: 1024 * 1024,
  /** A client status that is fetched in one message: gRPC's default of what a client takes, less its envelope. */
  statusFetchBytes: 3.5 * 1024 * 1024,
  /** Ours: a change reaches so many streams in one turn of the event loop, then others get theirs. */
  streamsPerTurn: 50,
  /** From a connection to the end of its TLS handshake (reliability.md, appendix A). */
  handshakeMs: 10_000,
  /** Ours: a renewed certificate is in use after so long; a link that is swapped is followed, which a watch may miss. */
  tlsRereadMs: 10_000,
  /** New streams (docs/decisions/2026-11-21-admission.md). */
  joins: {
    /** Ours: one thread serves all streams, so cores do not matter; half of Istio's most, 100 (reliability.md, 4). */
    inWork: 50,
    /** With `inWork` the slowest pace, for clients that acknowledge nothing: 50 a second. */
    patienceMs: 1_000,
    /** Ours: five times the fleet of 1,000 nodes that one replica is measured with, as per-type clients have 4 streams. */
    waiting: 5_000,
    /** Ours: the slowest pace brings a fleet of 3,000 in; who is refused earlier only comes back, to the end of the queue. */
    waitMs: 60_000,
    /** Ours: about as long as it takes for the queue to get shorter by a tenth. */
    retryMs: { least: 1_000, most: 5_000 },
  },
  /** Nodes above a fair share (docs/decisions/2026-11-21-shedding.md). */
  shedding: {
    everyMs: 1_000,
    /** Longer than it takes to see that a replica died (fleet/limits.ts, 10 s). */
    settleMs: 15_000,
    /** Ours: chance alone spreads 100 nodes over three replicas about as unevenly. */
    begin: { factor: 1.2, nodes: 10 },
    end: { factor: 1.05, nodes: 1 },
    /** Ours: of 1,000 nodes 20 a second, well under what the others admit. */
    partASecond: 0.02,
    stayMs: 600_000,
  },
  /** What is still open on a connection so long after it was asked to go is cut. */
  goAwayGraceMs: 5_000,
  /** Ours: of one node, that it tells it has bound; the rest is not taken. */
  stateListeners: 1_000,
  /** Ours: big responses remembered to be shared; one for each type, since a stream is sent them in turn. */
  sharedResponses: 4,
  /** Ours: a fleet that joins at once costs this much memory in responses, not its size times everything. */
  inFlight: {
    bytes: 32 * 1024 * 1024,
    /** HTTP/2's first window: what is smaller is taken at once. */
    bigBytes: 64 * 1024,
    /** A reader takes 32 MiB in a fraction of this; who does not has stopped reading, and waits alone. */
    patienceMs: 1_000,
  },
} as const;
