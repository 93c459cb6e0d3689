/**
 * Who asks, how, and under which id. What a request says of that counts as far as the proxies in front are trusted; the
 * rest is what this side sees.
 */
import net from 'node:net';
import { known } from '../codec/known-headers.ts';
import type { MessageHead } from '../codec/message-head.ts';
import { type Arrival, addressText, type SocketAddresses, withoutMapping } from '../model/arrival.ts';
import type { HttpChainConfig } from '../model/config.ts';
import type { Downstream } from './downstream.ts';
import type { HttpListener } from './http-context.ts';
import type { Trust } from './request-drops.ts';

/** Refilled for each request; valid until the next one. */
export class ClientIdentity {
  trust: Trust = 'nobody';
  ip = '';
  /** `ip:port`; port 0: only the address is known. */
  address = '';
  scheme: 'http' | 'https' = 'http';
  /** As the endpoint is told it; empty: not at all. */
  forwardedFor = '';
  forwardedProto = '';
  requestId = '';
  /** As the endpoint is told it (x-forwarded-client-cert); empty: not at all. */
  clientCert = '';

  /** @param head null: there is none */
  read(
    head: Pick<MessageHead, 'lines' | 'has'> | null,
    { scheme, context, shared }: Pick<HttpListener, 'scheme' | 'context' | 'shared'>,
    peer: Pick<Downstream, 'ip' | 'address' | 'clientCert'>,
  ): void {
    const { chain } = context;
    const trust = trustOf(chain);
    const before = head?.has(known.xForwardedFor) ? head.lines('x-forwarded-for').join(',') : '';
    this.trust = trust;
    this.ip = peer.ip;
    this.address = peer.address;
    this.scheme = scheme;
    this.clientCert = peer.clientCert;
    this.forwardedFor = trust === 'peer' ? before : appended(before, peer.ip, shared.ownAddress);
    this.forwardedProto = scheme;
    const keepsId = head !== null && (trust === 'peer' || chain.preserveRequestId);
    const id = keepsId ? head.lines('x-request-id').join(',') : '';
    this.requestId = id === '' ? shared.newRequestId() : id;
    if (head !== null && trust !== 'nobody') {
      this.#believe(head, before, trust === 'peer' ? chain.trustedHops : chain.trustedHops - 1);
    }
  }

  #believe(head: Pick<MessageHead, 'lines' | 'has'>, forwardedFor: string, behind: number): void {
    const ip = addressIn(forwardedFor, behind);
    if (ip !== '') {
      this.ip = ip;
      this.address = addressText(ip, 0);
    }
    const protos = head.lines('x-forwarded-proto');
    if (protos.length === 0) return;
    this.forwardedProto = protos.join(',');
    const lower = this.forwardedProto.toLowerCase();
    if (lower === 'http' || lower === 'https') this.scheme = lower;
  }

  /** The endpoint is told who the client is (Envoy's x-envoy-external-address). */
  get isEdge(): boolean {
    return this.trust !== 'peer';
  }
}

function trustOf({ useRemoteAddress, trustedHops }: HttpChainConfig): Trust {
  if (!useRemoteAddress) return 'peer';
  return trustedHops > 0 ? 'proxies' : 'nobody';
}

/** As in Envoy, whoever comes from the loopback address itself is told under this machine's own one. */
function appended(before: string, ip: string, ownAddress: string): string {
  const told = ip === '127.0.0.1' || ip === '::1' ? ownAddress : ip;
  return before === '' ? told : `${before},${told}`;
}

/** The one in front of the last `skip`; empty: there is none, or none that can be read. */
function addressIn(forwardedFor: string, skip: number): string {
  const parts = forwardedFor.split(',');
  const found = (parts[parts.length - 1 - skip] ?? '').trim();
  if (net.isIPv4(found)) return found;
  if (!net.isIPv6(found) || found.includes('%')) return '';
  return new net.SocketAddress({ address: found, family: 'ipv6' }).address;
}

/** The client's address, of its socket or as a PROXY header has told it. */
export function ipOf(socket: Pick<SocketAddresses, 'remoteAddress'>, arrival: Arrival | null): string {
  return arrival === null ? withoutMapping(socket.remoteAddress ?? '') : arrival.remoteAddress;
}

/** With its port. @param ip as {@link ipOf} gives it */
export function remoteOf(ip: string, { remotePort }: SocketAddresses, arrival: Arrival | null): string {
  return addressText(ip, arrival === null ? (remotePort ?? 0) : arrival.remotePort);
}

/** Where the client has found this machine, or the proxy in front. */
export function localAddressOf({ localAddress, localPort }: SocketAddresses, arrival: Arrival | null): string {
  if (arrival !== null) return addressText(arrival.localAddress, arrival.localPort);
  return addressText(withoutMapping(localAddress ?? ''), localPort ?? 0);
}
