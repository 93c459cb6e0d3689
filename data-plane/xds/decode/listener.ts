/** envoy.config.listener.v3.Listener: an address, and filter chains that end in HTTP or TCP, or a UDP proxy. */
import { readAddress } from './address.ts';
import { checkFields, fieldTable } from './fields.ts';
import { readChains } from './filter-chains.ts';
import { decodeWith } from './messages.ts';
import type { Decoded } from './problems.ts';
import type { ListenerResource } from './resources.ts';
import { readUdpListener } from './udp.ts';
import { required } from './values.ts';

const listenerFields = fieldTable('envoy.config.listener.v3.Listener', {
  carried: [
    ...['name', 'address', 'filter_chains', 'default_filter_chain', 'listener_filters', 'metadata'],
    ...['listener_filters_timeout', 'continue_on_listener_filters_timeout', 'udp_listener_config'],
  ],
  ignored: [
    ...['stat_prefix', 'traffic_direction', 'drain_type'],
    // tuning of sockets and buffers, which have their own bounds here
    ...['per_connection_buffer_limit_bytes', 'tcp_fast_open_queue_length', 'tcp_backlog_size'],
    ...['max_connections_to_accept_per_socket_event', 'connection_balance_config', 'reuse_port', 'enable_reuse_port'],
    // about an overload manager that is not ours
    ...['ignore_global_conn_limit', 'bypass_overload_manager'],
  ],
  only: { bind_to_port: [true], use_original_dst: [false], transparent: [false], freebind: [false] },
});

export function decodeListener(bytes: Uint8Array): Decoded<ListenerResource> {
  return decodeWith('envoy.config.listener.v3.Listener', bytes, (place, message) => {
    checkFields(place, message, listenerFields);
    const name = required(place.field('name'), message.name);
    const { address, port } = readAddress(place.field('address'), message.address, { minPort: 0 });
    if (message.address?.socket_address?.protocol === 'UDP') {
      const udp = readUdpListener(place, message);
      if (udp === null) return null;
      const { chain, maxConnections } = udp;
      return { name, config: { name, address, port, maxConnections, proxyProtocol: null }, chain, tls: null };
    }
    const read = readChains(place, message, port);
    if (read === null) return null;
    const { chain, tls, maxConnections, proxyProtocol } = read;
    return { name, config: { name, address, port, maxConnections, proxyProtocol }, chain, tls };
  });
}
