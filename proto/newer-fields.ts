/** What Envoy has, and the .proto files that are shipped lack. */
import protobuf from 'protobufjs';

/** To be called before names are resolved. */
export function addNewerFields(root: protobuf.Root): void {
  const cluster = root.lookupType('envoy.config.cluster.v3.Cluster');
  cluster.add(new protobuf.Field('dns_jitter', 58, 'google.protobuf.Duration'));
  const attribute = new protobuf.Type('CookieAttribute');
  attribute.add(new protobuf.Field('name', 1, 'string')).add(new protobuf.Field('value', 2, 'string'));
  const cookie = root.lookupType('envoy.type.http.v3.Cookie');
  cookie.parent?.add(attribute);
  cookie.add(new protobuf.Field('attributes', 4, 'CookieAttribute', 'repeated'));
  addTlvs(root);
  addTcpProxyFields(root);
  addProxyProtocolFields(root);
  addTlsInspectorFields(root);
}

function addTlvs(root: protobuf.Root): void {
  const config = root.lookupType('envoy.config.core.v3.ProxyProtocolConfig');
  const entry = new protobuf.Type('TlvEntry');
  entry.add(new protobuf.Field('type', 1, 'uint32')).add(new protobuf.Field('value', 2, 'bytes'));
  entry.add(new protobuf.Field('format_string', 3, 'SubstitutionFormatString'));
  config.parent?.add(entry);
  config.add(new protobuf.Field('added_tlvs', 3, 'TlvEntry', 'repeated'));
}

function addTcpProxyFields(root: protobuf.Root): void {
  const proxy = root.lookupType('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy');
  const merge = { ADD_IF_ABSENT: 0, OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD: 1, APPEND_IF_EXISTS_OR_ADD: 2 };
  const connect = { IMMEDIATE: 0, ON_DOWNSTREAM_DATA: 1, ON_DOWNSTREAM_TLS_HANDSHAKE: 2 };
  proxy.parent?.add(new protobuf.Enum('ProxyProtocolTlvMergePolicy', merge));
  proxy.parent?.add(new protobuf.Enum('UpstreamConnectMode', connect));
  proxy.add(new protobuf.Field('backoff_options', 18, 'envoy.config.core.v3.BackoffStrategy'));
  proxy.add(new protobuf.Field('proxy_protocol_tlvs', 19, 'envoy.config.core.v3.TlvEntry', 'repeated'));
  proxy.add(new protobuf.Field('max_downstream_connection_duration_jitter_percentage', 20, 'envoy.type.v3.Percent'));
  proxy.add(new protobuf.Field('upstream_connect_mode', 21, 'UpstreamConnectMode'));
  proxy.add(new protobuf.Field('max_early_data_bytes', 22, 'google.protobuf.UInt32Value'));
  proxy.add(new protobuf.Field('proxy_protocol_tlv_merge_policy', 23, 'ProxyProtocolTlvMergePolicy'));
  proxy.add(new protobuf.Field('check_drain_close', 24, 'google.protobuf.BoolValue'));
}

/** Of the header that comes in, and of the one that goes out. */
function addProxyProtocolFields(root: protobuf.Root): void {
  const read = root.lookupType('envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol');
  read.add(new protobuf.Enum('TlvLocation', { DYNAMIC_METADATA: 0, FILTER_STATE: 1 }));
  read.add(new protobuf.Field('tlv_location', 6, 'TlvLocation'));
  const pair = read.lookupType('KeyValuePair');
  pair.add(new protobuf.Enum('ValueStringEncoding', { UNSPECIFIED: 0, SANITIZED_UTF8: 1, BASE64: 2 }));
  pair.add(new protobuf.Field('value_string_encoding', 3, 'ValueStringEncoding'));
  const write = root.lookupType('envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport');
  write.add(new protobuf.Field('allow_unspecified_address', 3, 'bool'));
  write.add(new protobuf.Field('tlv_as_pool_key', 4, 'bool'));
}

function addTlsInspectorFields(root: protobuf.Root): void {
  const inspector = root.lookupType('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector');
  inspector.add(new protobuf.Field('enable_ja4_fingerprinting', 3, 'google.protobuf.BoolValue'));
  inspector.add(new protobuf.Field('close_connection_on_client_hello_parsing_errors', 4, 'bool'));
  inspector.add(new protobuf.Field('max_client_hello_size', 5, 'google.protobuf.UInt32Value'));
}
