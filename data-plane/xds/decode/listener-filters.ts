/** envoy.config.listener.v3.ListenerFilter: what is read of a connection before a filter chain is chosen for it. */
import type { Listener } from '../../../proto/envoy.ts';
import { checkFields, fieldTable } from './fields.ts';
import { anyName, unpackAny } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import { proxyProtocol, type ReadProxyProtocol, readProxyProtocol } from './proxy-protocol.ts';
import { millis } from './values.ts';

export type ListenerFilter = NonNullable<Listener['listener_filters']>[number];

export const listenerFilterFields = fieldTable('envoy.config.listener.v3.ListenerFilter', {
  carried: ['typed_config'],
  ignored: ['name'],
});

const tlsInspector = 'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector';
const inspectorFields = fieldTable(tlsInspector, {
  // fingerprints are for logs and matchers that are not here
  ignored: ['enable_ja3_fingerprinting', 'enable_ja4_fingerprinting', 'initial_read_buffer_size'],
  // the size is what may be read in any case (limits.ts of the data plane)
  only: { close_connection_on_client_hello_parsing_errors: [false], max_client_hello_size: [16_384] },
});

export interface ListenerFilters {
  readonly inspectTls: boolean;
  /** Null: no PROXY headers are read. */
  readonly proxyProtocol: ReadProxyProtocol | null;
  /** For all of it; 0: none. */
  readonly timeoutMs: number;
}

const defaultTimeoutMs = 15_000;

/** Of a listener that is not of UDP. */
export function readListenerFilters(place: Place, message: Listener): ListenerFilters {
  const filters = message.listener_filters ?? [];
  let inspectTls = false;
  let proxy: ReadProxyProtocol | null = null;
  filters.forEach((filter, index) => {
    const at = place.item('listener_filters', index);
    checkFields(at, filter, listenerFilterFields);
    const name = anyName(filter.typed_config);
    const inside = at.field('typed_config');
    if (name === tlsInspector) {
      const inspector = unpackAny(inside, name, filter.typed_config);
      if (inspector !== null) checkFields(inside, inspector, inspectorFields);
      if (inspectTls) at.refuse('is there already');
      inspectTls = true;
    } else if (name === proxyProtocol) {
      const header = unpackAny(inside, name, filter.typed_config);
      if (proxy !== null) at.refuse('is there already');
      if (inspectTls) at.refuse('must stand before the TLS inspector, as its header does');
      if (header !== null) proxy = readProxyProtocol(inside, header);
    } else {
      inside.refuse(`listener filter ${name || 'without a type'} is ${unsupported}`);
    }
  });
  if (filters.length > 0 && message.continue_on_listener_filters_timeout) {
    place.field('continue_on_listener_filters_timeout').refuse(`true is ${unsupported}`);
  }
  return {
    inspectTls,
    proxyProtocol: proxy,
    timeoutMs: millis(place.field('listener_filters_timeout'), message.listener_filters_timeout, defaultTimeoutMs),
  };
}
