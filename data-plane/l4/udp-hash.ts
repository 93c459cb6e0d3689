/** What a UDP session's endpoint is chosen by, where its cluster hashes: xxHash64 of a text that every node makes alike. */
import type { MutableHash64 } from '../../proto/hashing/hash64.ts';
import { TextBytes } from '../../proto/hashing/text-bytes.ts';
import { xxHash64 } from '../../proto/hashing/xx-hash64.ts';
import type { UdpChainConfig } from '../model/config.ts';

export interface Place {
  readonly address: string;
  readonly port: number;
}

const text = new TextBytes();

/** `ip:port`, `[ip]:port`. */
export function placeText({ address, port }: Place): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * Writes the hash of a client's session to `into`; `authority` is what it is without one: the same for all.
 * @param local where the listener stands
 */
export function hashSession(
  hash: NonNullable<UdpChainConfig['hash']>,
  client: Place,
  local: Place,
  into: MutableHash64,
): void {
  const length = text.putUtf8(textOf(hash, client, local));
  xxHash64(text.bytes, length, into);
}

/** The texts of proto/l4.ts. */
function textOf(hash: NonNullable<UdpChainConfig['hash']>, client: Place, local: Place): string {
  switch (hash.type) {
    case 'key':
      return hash.key;
    case 'source':
      return client.address;
    case 'five-tuple':
      return `${placeText(client)}|${placeText(local)}`;
    case 'destination-port':
      return String(local.port);
    case 'authority':
      return '-|-';
  }
}
