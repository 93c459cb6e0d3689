/** Bounds of the codec that no caller sets, each with its source (reliability.md, appendix A, unless said otherwise). */
export const limits = {
  /** Interned fields: at most so many of at most so many bytes, so 16 MiB in a process. Ours. */
  internedFields: 16_384,
  internedFieldBytes: 1_024,
  /** What one connection's encoder keeps, whatever more the peer offers. RFC 9113's own default. */
  encoderTableBytes: 4_096,
  /** A header block, coded: what Envoy allows for a list of headers. */
  headerBlockBytes: 60 * 1024,
  /** Frames that one header block comes in (Envoy CVE-2024-30255, nghttp2). */
  continuationFrames: 8,
  /** Streams that the peer, or we at its fault, reset: at once, and then a second (Node: 1,000 and 33). */
  resetBurst: 200,
  resetsPerSecond: 20,
  /** Control frames that wait because the peer does not read (Envoy). */
  queuedControlFrames: 1_000,
  /** Heads, ends and control frames that wait for the same reason, bytes; data waits in its streams. Ours. */
  queuedOutputBytes: 1024 * 1024,
  /** DATA, HEADERS and CONTINUATION that carry nothing, in a row (Envoy). */
  emptyFramesInARow: 1,
  /** PRIORITY frames for each stream opened (Envoy). */
  priorityFramesPerStream: 100,
  /** WINDOW_UPDATE frames for each DATA frame sent, and for each stream opened (Envoy). */
  windowUpdatesPerData: 10,
  /**
   * PING, SETTINGS, unknown frames, and frames for streams that are over: at once, and then a second. Each message
   * and DATA frame allows one more, because gRPC's clients measure their link by a PING for what they receive. Ours.
   */
  idleFrameBurst: 1_000,
  idleFramesPerSecond: 100,
  /** Streams that ended last, of which late frames can be told from wrong ones. Ours. */
  rememberedStreams: 128,
  /** Output is collected in blocks of this size; buffers longer than `copiedBytes` are sent as they are. Ours. */
  blockBytes: 32 * 1024,
  spareBlocks: 256,
  usefulBlockBytes: 2 * 1024,
  copiedBytes: 16 * 1024,
  /** Bytes that one connection puts out before others have their turn. Ours. */
  turnBytes: 1024 * 1024,
  /** The same while the socket takes no more, in data that is copied. Ours. */
  fullTurnBytes: 256 * 1024,
} as const;
