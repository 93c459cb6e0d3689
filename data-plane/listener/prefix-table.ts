/** Values by ranges of addresses (`address/bits`): an address has that of the smallest range that holds it. */
import { ipNumber } from '../../proto/ip/ip-number.ts';

/** Of one version of IP: by length of the prefix, the longest first, what the prefixes of that length lead to. */
type Lengths<T> = readonly (readonly [shift: bigint, values: ReadonlyMap<bigint, T>])[];

export class PrefixTable<T> {
  readonly #v4: Lengths<T>;
  readonly #v6: Lengths<T>;

  /** Of two values for one range the first one holds. */
  constructor(entries: Iterable<readonly [range: string, value: T]>) {
    const all = [...entries];
    this.#v4 = lengthsOf(all, 32);
    this.#v6 = lengthsOf(all, 128);
  }

  find(address: string): T | undefined {
    const ip = ipNumber(address);
    if (ip === null) return undefined;
    for (const [shift, values] of ip.width === 32 ? this.#v4 : this.#v6) {
      const found = values.get(ip.number >> shift);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function lengthsOf<T>(entries: readonly (readonly [string, T])[], width: 32 | 128): Lengths<T> {
  const byShift = new Map<bigint, Map<bigint, T>>();
  for (const [range, value] of entries) {
    const slash = range.lastIndexOf('/');
    const ip = ipNumber(range.slice(0, slash));
    if (ip?.width !== width) continue;
    const shift = BigInt(width - Number(range.slice(slash + 1)));
    const values = byShift.get(shift) ?? new Map<bigint, T>();
    byShift.set(shift, values);
    const prefix = ip.number >> shift;
    if (!values.has(prefix)) values.set(prefix, value);
  }
  return [...byShift].sort(([a], [b]) => Number(a - b));
}
