import { type PeerName, peerBinary } from '../../e2e/support/peers.ts';

/** A peer's program, or why it cannot take part, with the remedy. */
export function missingPeer(name: PeerName): string | undefined {
  return peerBinary(name) === undefined ? 'not installed; `npm run peers -- bench` brings it' : undefined;
}

/** Path of a peer's program. Throws where it is missing. */
export function requirePath(name: PeerName): string {
  const binary = peerBinary(name);
  if (binary === undefined) throw new Error(`${name}: ${missingPeer(name)}`);
  return binary;
}
