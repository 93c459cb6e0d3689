/** Which lines of a request never pass; by whose word on the client is trusted. */
import { type Drops, dropsOf, known } from '../codec/known-headers.ts';

/**
 * Whose word on the client counts: nobody's at an edge; that of the proxies in front of one that has some; where there
 * is no edge, the peer's, which is such a proxy itself.
 */
export type Trust = 'nobody' | 'proxies' | 'peer';

const always = [
  ...[known.connection, known.keepAlive, known.proxyConnection, known.te, known.trailer, known.upgrade],
  ...[known.http2Settings, known.expect, known.transferEncoding, known.proxy, known.xForwardedClientCert],
  known.xEnvoyControl,
  // said anew
  ...[known.xForwardedFor, known.xForwardedProto, known.xRequestId],
];
const names: Readonly<Record<Trust, readonly number[]>> = {
  nobody: [...always, known.xForwardedHost, known.xEnvoyOrigin, known.xEnvoy],
  proxies: [...always, known.xEnvoyOrigin],
  peer: always,
};

const drops: Readonly<Record<Trust, Drops>> = {
  nobody: dropsOf(names.nobody),
  proxies: dropsOf(names.proxies),
  peer: dropsOf(names.peer),
};
const dropsWithHost: Readonly<Record<Trust, Drops>> = {
  nobody: dropsOf([...names.nobody, known.host]),
  proxies: dropsOf([...names.proxies, known.host]),
  peer: dropsOf([...names.peer, known.host]),
};

/** @param withHost the authority is written anew */
export function requestDrops(trust: Trust, withHost: boolean): Drops {
  return (withHost ? dropsWithHost : drops)[trust];
}
