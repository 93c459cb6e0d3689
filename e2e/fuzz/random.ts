import type { Random } from '../../proto/http2/testing/wire.ts';

/** A random one of them. */
export function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[random(items.length)]!;
}
