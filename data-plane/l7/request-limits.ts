/** What the request reader of a listener refuses: by the listener's limits, and by the node's. */
import type { RequestLimits } from '../codec/h1-request-reader.ts';
import type { NodeLimits } from '../limits.ts';
import type { HttpChainConfig } from '../model/config.ts';

export function requestLimitsOf(chain: Pick<HttpChainConfig, 'limits'>, node: NodeLimits): RequestLimits {
  return {
    requestLineBytes: node.requestLineBytes,
    headerBytes: chain.limits.headerBytes,
    headers: chain.limits.headers,
    extensionBytes: node.chunkExtensionBytes,
    trailerBytes: node.trailerBytes,
    trailers: node.trailers,
  };
}
