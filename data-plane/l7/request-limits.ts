/** What the request reader of a listener refuses: the listener's limits, and those that no configuration sets. */
import type { RequestLimits } from '../codec/h1-request-reader.ts';
import { limits } from '../limits.ts';
import type { HttpChainConfig } from '../model/config.ts';

export function requestLimitsOf(chain: Pick<HttpChainConfig, 'limits'>): RequestLimits {
  return {
    requestLineBytes: limits.requestLineBytes,
    headerBytes: chain.limits.headerBytes,
    headers: chain.limits.headers,
    extensionBytes: limits.chunkExtensionBytes,
    trailerBytes: limits.trailerBytes,
    trailers: limits.trailers,
  };
}
