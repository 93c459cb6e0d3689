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
  /** Requests on a new HTTP/2 connection before its endpoint has said how many it allows (RFC 9113 section 6.5.2). */
  streamsBeforeSettings: 100,
  /** Bytes of one body that wait for an HTTP/2 peer, and of all answers that wait for one client (Envoy's edge page: buffers of 32 KiB; one read is 64). */
  streamBufferBytes: 64 * 1024,
  connectionBufferBytes: 1024 * 1024,
  /** Until an HTTP/2 client has acknowledged SETTINGS (nghttpx). */
  settingsTimeoutMs: 10_000,
  /** Streams of HTTP/2 that wait for their next request, a listener. */
  spareStreams: 256,
  /** A request, head and body, that is kept in case it must be sent again (Envoy's edge page: buffers of 32 KiB). */
  replayBytes: 32 * 1024,
  /** Of what an endpoint says of its load with an answer; and what it may say at most (1 is all it should bear). */
  loadReportBytes: 4096,
  reportedUtilization: 100,
  /** Of a body that a filter holds back until it has seen the request (Envoy's per_connection_buffer_limit_bytes). */
  filterBodyBytes: 1024 * 1024,
  /** Of what an endpoint says instead of gRPC, told to a client of gRPC-Web as `grpc-message` (Envoy's). */
  grpcMessageBytes: 16 * 1024,
  /** Until a listener that could not be bound is tried again. */
  bindRetryMs: 2_000,
  /** What a TLS client says first, with the records around it (Envoy's tls_inspector). */
  clientHelloBytes: 16 * 1024,
  /** One read from a socket. */
  readBytes: 64 * 1024,
  /** After a graceful stop was asked for, until connections are cut. */
  drainTimeoutMs: 30_000,
  /** The same while the node stays, where nobody says (documents.md, NodeGroup). */
  announcedDrainMs: 45_000,
  /** Ours: what ends together is spread over a tenth of the drain, at most so long. */
  drainSpreadMs: 5_000,
  /** Ours: open connections are looked through so often while the node drains. */
  drainSweepMs: 250,
  /** Ours: before a stop nothing has come for so long; and how often that is looked at. */
  quietMs: 500,
  quietLookMs: 50,
} as const;

/** Bounds of a node that its operator may set: `--limit NAME=VALUE`, see docs/limits.md. */
export interface NodeLimits {
  /** Client connections open at once, in all listeners together. */
  readonly connections: number;
  /** From one address; 0: any number. Null: {@link publicConnectionsPerAddress} from public addresses. */
  readonly connectionsPerAddress: number | null;
  readonly requestLineBytes: number;
  /** Of one message. */
  readonly chunkExtensionBytes: number;
  readonly trailerBytes: number;
  readonly trailers: number;
  /** Of the memory that there may be: from here on idle connections are closed, and none is let in. */
  readonly shedIdlePercent: number;
  readonly stopAcceptingPercent: number;
  /** Of the event loop, 99th percentile: beyond it requests are refused; 0: any. */
  readonly loopDelayMs: number;
  /** Of two seconds: from here on a delay is the node's own. */
  readonly loopBusyPercent: number;
  /** Before a stop clients are asked to go elsewhere for so long at most. */
  readonly announceMs: number;
}

/** Reliability.md, appendix A. */
export const nodeLimits: NodeLimits = {
  connections: 50_000,
  connectionsPerAddress: null,
  requestLineBytes: limits.requestLineBytes,
  chunkExtensionBytes: limits.chunkExtensionBytes,
  trailerBytes: limits.trailerBytes,
  trailers: limits.trailers,
  shedIdlePercent: 95,
  stopAcceptingPercent: 98,
  loopDelayMs: 100,
  loopBusyPercent: 90,
  announceMs: 5_000,
};

/** An address of the operator's own network may be that of another tier, or of a load balancer. */
export const publicConnectionsPerAddress = 256;
