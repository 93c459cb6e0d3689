/** What is known of a request or a TCP connection when it ends; access logs are compiled to read it. */
export interface LogEntry {
  /** Epoch milliseconds at the first byte. */
  startMs: number;
  durationMs: number;
  /** Until the upstream's response head; -1: none came. */
  upstreamServiceMs: number;
  method: string;
  /** As the client sent it, query included. */
  path: string;
  authority: string;
  /** `HTTP/1.1`; empty for TCP. */
  protocol: string;
  /** 0: the client went before an answer. */
  status: number;
  /** Of a gRPC request; -1: none is known. */
  grpcStatus: number;
  /** Envoy's response flags, comma-separated; `-`: none. */
  flags: string;
  /** Envoy's response code details, for example `via_upstream`, `route_not_found`. */
  details: string;
  bytesReceived: number;
  bytesSent: number;
  /** `ip:port`; empty: none was chosen. */
  upstreamHost: string;
  upstreamCluster: string;
  routeName: string;
  requestId: string;
  /** `ip:port` of the peer, or of the client for which proxies in front vouch; then with port 0. */
  downstreamAddress: string;
  /** Address only. */
  downstreamIp: string;
  /** `ip:port` of who has connected, whoever vouches for whom. */
  directAddress: string;
  /** Address of the listener's socket, `ip:port`, or where a PROXY header says that the client has connected to. */
  localAddress: string;
  /** Of the connection of a TCP proxy, or of a UDP session: unique in the world (%STREAM_ID%); empty: not minted. */
  streamId: string;
  /** What the client's ClientHello asks for; empty: nothing. */
  requestedServerName: string;
  /** What was kept of a PROXY header's TLVs, by name; null: nothing. */
  proxyTlvs: ReadonlyMap<string, string> | null;
  /** Values of the request headers that the log asked for, in the order of its `requestHeaders`. */
  requestHeaders: readonly string[];
}
