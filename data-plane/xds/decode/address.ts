/** IP addresses, and what stands around a connection: transport sockets and configuration sources. */
import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import type { Cluster, Listener } from '../../../proto/envoy.ts';
import { checkFields, fieldTable } from './fields.ts';
import { anyName } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import { millis, required } from './values.ts';

type AddressMessage = NonNullable<Listener['address']>;
type SocketMessage = NonNullable<AddressMessage['socket_address']>;

const addressFields = fieldTable('envoy.config.core.v3.Address', { carried: ['socket_address'] });

const socketAddressFields = fieldTable('envoy.config.core.v3.SocketAddress', {
  carried: ['address', 'port_value'],
  ignored: [
    // a socket on :: takes IPv4 as well, unless the system is told otherwise
    'ipv4_compat',
    // a listener reads it by itself, and to an endpoint goes what came in
    'protocol',
  ],
});

export interface IpPort {
  /** Canonical text: an IPv6 address is lower-case and compressed. */
  readonly address: string;
  readonly port: number;
}

type Message = AddressMessage | null | undefined;

/** An IP address and a port, which must not be below `minPort`. */
export function readAddress(place: Place, message: Message, { minPort }: { minPort: 0 | 1 }): IpPort {
  const socket = readSocket(place, message);
  if (socket === null) return { address: '', port: 0 };
  const at = place.field('socket_address');
  const address = canonicalIp(socket.address ?? '');
  if (address === undefined) at.field('address').refuse(`${JSON.stringify(socket.address ?? '')} is no IP address`);
  return { address: address ?? '', port: readPort(at, socket, minPort) };
}

/** A name that is to be looked up, or an IP address; and a port. */
export function readNamedAddress(place: Place, message: Message): { readonly hostname: string; readonly port: number } {
  const socket = readSocket(place, message);
  if (socket === null) return { hostname: '', port: 0 };
  const at = place.field('socket_address');
  const hostname = required(at.field('address'), socket.address);
  if (/[^\x21-\x7e]/.test(hostname)) at.field('address').refuse('must be the name of a host');
  return { hostname: canonicalIp(hostname) ?? hostname, port: readPort(at, socket, 1) };
}

/** Null after reporting a problem. */
function readSocket(place: Place, message: Message): SocketMessage | null {
  if (message === null || message === undefined) {
    place.refuse('must be set');
    return null;
  }
  checkFields(place, message, addressFields);
  const socket = message.socket_address;
  if (socket === null || socket === undefined) {
    if (Object.keys(message).length === 0) place.refuse('must be set');
    return null;
  }
  checkFields(place.field('socket_address'), socket, socketAddressFields);
  return socket;
}

function readPort(place: Place, { port_value: port = 0 }: SocketMessage, minPort: 0 | 1): number {
  if (port < minPort || port > 65_535) place.field('port_value').refuse(`must be between ${minPort} and 65535`);
  return port;
}

/** Undefined: the text is no IP address. */
export function canonicalIp(text: string): string | undefined {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes('%')) return undefined;
  return new SocketAddress({ address: text, family: 'ipv6' }).address;
}

type TransportSocket = NonNullable<Cluster['transport_socket']>;

/** Plain text is what there is; everything else is named. */
export function checkTransportSocket(place: Place, socket: TransportSocket | null | undefined): void {
  if (socket === null || socket === undefined) return;
  const name = anyName(socket.typed_config);
  if (name === 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer') return;
  place.refuse(`${name || JSON.stringify(socket.name ?? '')} is ${unsupported}`);
}

type ConfigSource = NonNullable<NonNullable<Cluster['eds_cluster_config']>['eds_config']>;

const configSourceFields = fieldTable('envoy.config.core.v3.ConfigSource', {
  carried: ['ads', 'self', 'initial_fetch_timeout', 'path', 'path_config_source', 'api_config_source'],
  only: { resource_api_version: ['AUTO', 'V3'] },
});

/** A source that means "over the stream that you have"; answers how long to wait for it (null: nothing said). */
export function readStreamSource(place: Place, source: ConfigSource | null | undefined): number | null {
  if (source === null || source === undefined) {
    place.refuse('must be set');
    return null;
  }
  checkFields(place, source, configSourceFields);
  const fromStream = (source.ads ?? null) !== null || (source.self ?? null) !== null;
  if (!fromStream) place.refuse('only ads and self are supported by this data plane');
  const timeout = source.initial_fetch_timeout;
  if (timeout === null || timeout === undefined) return null;
  return millis(place.field('initial_fetch_timeout'), timeout, 0);
}
