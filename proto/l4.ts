/** What both planes have to agree on for forwarding below HTTP, and Envoy has no words for, or only general ones. */

/**
 * The key of filter_metadata of a filter chain that ends in a TCP proxy, and of a UDP listener:
 * `{ datapath: user | kernel | auto, hash: five-tuple | source | destination-port | authority }`; a UDP listener has
 * `sessions` beside them, a number, which is how many may be open at once: Envoy has no such limit of a listener.
 */
export const l4Metadata = 'fairlead.l4';

/**
 * The key of a listener's filter_metadata: `{ untrusted: plain }`. Its chains are for those whose PROXY headers are
 * believed (direct_source_prefix_ranges), and our own nodes let others connect as well, without a header. An Envoy closes these.
 */
export const proxyProtocolMetadata = 'fairlead.proxy-protocol';

/** Where envoy.filters.network.set_filter_state leaves the text that a TCP proxy hashes. */
export const hashStateKey = 'fairlead.hash';

/** The texts, in Envoy's format language. `source` is a hash policy of its own. */
export const hashFormats = {
  'five-tuple': '%DOWNSTREAM_REMOTE_ADDRESS%|%DOWNSTREAM_LOCAL_ADDRESS%',
  'destination-port': '%DOWNSTREAM_LOCAL_PORT%',
  authority: '%REQUESTED_SERVER_NAME%|%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:authority)%',
} as const;

/**
 * The unique id of a PROXY header in the access log of requests. Envoy's logs of requests do not see what listener filters
 * leave in dynamic metadata, so in front of HTTP the TLVs are kept in filter state (`tlv_location: FILTER_STATE`); in
 * front of TCP, and in the formats above, in dynamic metadata.
 */
export const requestUniqueId = '%FILTER_STATE(envoy.network.proxy_protocol.tlv:FIELD:unique_id)%';

/** The namespace of dynamic metadata in which TLVs of a PROXY header are found. */
export const proxyProtocolFilter = 'envoy.filters.listener.proxy_protocol';

/** TLVs that are kept, by their types, and their names. */
export const keptTlvs = { authority: 0x02, unique_id: 0x05 } as const;
