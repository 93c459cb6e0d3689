/** What comes of header names with `_`: all that the codec of HTTP/1 counts, and a part of what that of HTTP/2 does. */
import type { StatsRegistry, StatsScope } from './registry.ts';

export type UnderscoreStats = ReturnType<typeof underscoreStats>;

/** Of all listeners. */
export function http1Stats(registry: StatsRegistry): UnderscoreStats {
  return underscoreStats(registry.scope('http1.', 'envoy_http1_', {}));
}

export function underscoreStats(scope: StatsScope) {
  return {
    droppedWithUnderscores: scope.counter(
      'dropped_headers_with_underscores',
      'Headers of requests taken away for an underscore in their names',
    ),
    rejectedWithUnderscores: scope.counter(
      'requests_rejected_with_underscores_in_headers',
      'Requests refused for an underscore in the name of a header',
    ),
  };
}
