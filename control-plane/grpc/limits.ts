/** What one client may cost. */
export interface GrpcLimits {
  /** Of one message from a client, bytes. */
  readonly messageBytes: number;
  readonly callsPerConnection: number;
  /** A client that was silent for so long is asked for a sign of life, and given this long to answer. */
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
}
