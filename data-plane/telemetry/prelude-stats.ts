/** What a listener counts of connections whose first bytes it looks at before they are served. */
import type { StatsScope } from './registry.ts';

/** @param scope the listener's */
export function preludeStats(scope: StatsScope) {
  return {
    preCxActive: scope.totalled('downstream_pre_cx_active', 'Connections of which the first bytes are awaited'),
    preCxTimeout: scope.counter('downstream_pre_cx_timeout', 'Connections closed because these took too long'),
    listenerFilterRemoteClose: scope.counter(
      'downstream_listener_filter_remote_close',
      'Connections that the client ended before these were here',
    ),
    listenerFilterError: scope.counter(
      'downstream_listener_filter_error',
      'Connections that failed before these were here',
    ),
    noFilterChainMatch: scope.counter(
      'no_filter_chain_match',
      'Connections closed because no filter chain is for them',
    ),
    proxyProtoV1Found: scope.counter('proxy_proto.versions.v1.found', 'PROXY headers of version 1'),
    proxyProtoV2Found: scope.counter('proxy_proto.versions.v2.found', 'PROXY headers of version 2'),
    proxyProtoNotFoundAllowed: scope.counter('proxy_proto.not_found_allowed', 'Connections served without a header'),
    proxyProtoNotFoundDisallowed: scope.counter(
      'proxy_proto.not_found_disallowed',
      'Connections closed because they had no PROXY header',
    ),
    proxyProtoError: scope.counter(
      'downstream_cx_proxy_proto_error',
      'Connections closed for a malformed PROXY header, or for one that nobody believes',
    ),
    tlsFound: scope.counter('tls_inspector.tls_found', 'Connections that began with a ClientHello'),
    tlsNotFound: scope.counter('tls_inspector.tls_not_found', 'Connections that began otherwise'),
    clientHelloTooLarge: scope.counter('tls_inspector.client_hello_too_large', 'ClientHellos of more than 16 KiB'),
    clientHelloRefused: scope.counter('tls_inspector.client_hello_refused', 'Connections closed for their ClientHello'),
  };
}
