/** What one request may cost (reliability.md, appendix A, where no other source is named). */
export interface ApiLimits {
  /** One document, as PUT and PATCH take it. */
  readonly documentBytes: number;
  /** One apply: many documents. Ours: larger sets belong into several sets, so that no parse stalls the streams. */
  readonly applyBytes: number;
  /** Everything else (tokens, bootstrap). Ours. */
  readonly smallBodyBytes: number;
  /** Nesting of any body. */
  readonly bodyDepth: number;
  /** A whole request, head and body. */
  readonly requestTimeoutMs: number;
  /** A request head, bytes and time. Node's own defaults, shorter. */
  readonly headerBytes: number;
  readonly headersTimeoutMs: number;
  /** A connection without a request. Node's own default for servers behind balancers. */
  readonly keepAliveTimeoutMs: number;
  /** Connections at once. */
  readonly connections: number;
  /** Documents on one page of a list: the default, and the most. */
  readonly pageSize: number;
  readonly maxPageSize: number;
  /** Answers to POST that are kept for the same Idempotency-Key, and for how long. Ours. */
  readonly idempotencyKeys: number;
  readonly idempotencyKeepMs: number;
  /** How much of a refused body is read and thrown away, so that the client sees the answer and no reset. Ours. */
  readonly drainBytes: number;
}

export const apiLimits: ApiLimits = {
  documentBytes: 1024 * 1024,
  applyBytes: 4 * 1024 * 1024,
  smallBodyBytes: 16 * 1024,
  bodyDepth: 32,
  requestTimeoutMs: 30_000,
  headerBytes: 16 * 1024,
  headersTimeoutMs: 10_000,
  keepAliveTimeoutMs: 72_000,
  connections: 1_024,
  pageSize: 500,
  maxPageSize: 1_000,
  idempotencyKeys: 1_000,
  idempotencyKeepMs: 3_600_000,
  drainBytes: 64 * 1024 * 1024,
};
