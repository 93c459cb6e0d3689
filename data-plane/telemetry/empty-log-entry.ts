import type { LogEntry } from './log-entry.ts';

/** An entry of which nothing is known yet. */
export function emptyLogEntry(): LogEntry {
  return {
    startMs: 0,
    durationMs: 0,
    upstreamServiceMs: -1,
    method: '',
    path: '',
    authority: '',
    protocol: '',
    status: 0,
    grpcStatus: -1,
    flags: '-',
    details: '',
    bytesReceived: 0,
    bytesSent: 0,
    upstreamHost: '',
    upstreamCluster: '',
    routeName: '',
    requestId: '',
    downstreamAddress: '',
    downstreamIp: '',
    directAddress: '',
    localAddress: '',
    streamId: '',
    requestedServerName: '',
    proxyTlvs: null,
    requestHeaders: [],
  };
}
