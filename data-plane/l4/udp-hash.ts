/** What a UDP session's endpoint is chosen by, where its cluster hashes: xxHash64 of a text that every node makes alike. */
import type { MutableHash64 } from '../../proto/hashing/hash64.ts';
import { TextBytes } from '../../proto/hashing/text-bytes.ts';
import { xxHash64 } from '../../proto/hashing/xx-hash64.ts';
import { addressText } from '../model/arrival.ts';
import type { UdpChainConfig } from '../model/config.ts';

const text = new TextBytes();

/**
 * Writes the hash of a client's session to `into`; `authority` is what it is where none is known: the same for all.
 * @param local `ip:port` where clients believe the listener to be
 */
export function hashSession(
  hash: NonNullable<UdpChainConfig['hash']>,
  client: { readonly address: string; readonly port: number },
  local: string,
  into: MutableHash64,
): void {
  const length = text.putUtf8(textOf(hash, client, local));
  xxHash64(text.bytes, length, into);
}

/** As proto/l4.ts has them. */
function textOf(
  hash: NonNullable<UdpChainConfig['hash']>,
  { address, port }: { readonly address: string; readonly port: number },
  local: string,
): string {
  switch (hash.type) {
    case 'key':
      return hash.key;
    case 'source':
      return address;
    case 'five-tuple':
      return `${addressText(address, port)}|${local}`;
    case 'destination-port':
      return local.slice(local.lastIndexOf(':') + 1);
    case 'authority':
      return '-|-';
  }
}
