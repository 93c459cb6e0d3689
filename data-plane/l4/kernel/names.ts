/** What things of ours are called in nftables: names of the configuration, with whatever nft does not take written out. */
import { createHash } from 'node:crypto';

/** nft takes 255; room is left for what stands before. */
const longest = 200;

/** Different names stay different. */
export function nftName(text: string): string {
  const name = text.replace(/[^A-Za-z0-9/.-]/gu, (one) => `_${one.codePointAt(0)!.toString(16)}_`);
  return name.length <= longest ? name : `sha256-${createHash('sha256').update(text).digest('hex')}`;
}

/** The one table of a node. @param id of the node */
export function tableOf(id: string): string {
  return `fairlead-${nftName(id)}`;
}
