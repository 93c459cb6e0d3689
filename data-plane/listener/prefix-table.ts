/** Values by ranges of addresses (`address/bits`): an address has that of the smallest range that holds it. */
import net from 'node:net';

/** Of one version of IP: by length of the prefix, the longest first, what the prefixes of that length lead to. */
type Lengths<T> = readonly (readonly [shift: bigint, values: ReadonlyMap<bigint, T>])[];

export class PrefixTable<T> {
  readonly #v4: Lengths<T>;
  readonly #v6: Lengths<T>;

  /** Of two values for one range the first one holds. */
  constructor(entries: Iterable<readonly [range: string, value: T]>) {
    const all = [...entries];
    this.#v4 = lengthsOf(all, 4);
    this.#v6 = lengthsOf(all, 6);
  }

  find(address: string): T | undefined {
    const lengths = net.isIPv4(address) ? this.#v4 : this.#v6;
    if (lengths.length === 0) return undefined;
    const number = numberOf(address);
    for (const [shift, values] of lengths) {
      const found = values.get(number >> shift);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function lengthsOf<T>(entries: readonly (readonly [string, T])[], version: 4 | 6): Lengths<T> {
  const byShift = new Map<bigint, Map<bigint, T>>();
  for (const [range, value] of entries) {
    const slash = range.lastIndexOf('/');
    const address = range.slice(0, slash);
    if (net.isIP(address) !== version) continue;
    const shift = BigInt((version === 4 ? 32 : 128) - Number(range.slice(slash + 1)));
    const values = byShift.get(shift) ?? new Map<bigint, T>();
    byShift.set(shift, values);
    const prefix = numberOf(address) >> shift;
    if (!values.has(prefix)) values.set(prefix, value);
  }
  return [...byShift].sort(([a], [b]) => Number(a - b));
}

/** Of an address that is one; 0 of what is none. */
function numberOf(address: string): bigint {
  if (net.isIPv4(address)) return v4Number(address);
  const [plain = ''] = address.split('%');
  if (!net.isIPv6(plain)) return 0n;
  const [before = '', after] = plain.split('::');
  const high = groupsOf(before);
  const low = after === undefined ? [] : groupsOf(after);
  const zeros = new Array<bigint>(8 - high.length - low.length).fill(0n);
  return [...high, ...zeros, ...low].reduce((number, group) => (number << 16n) | group, 0n);
}

/** The 16-bit groups on one side of `::`; the last 32 bits may be written as IPv4. */
function groupsOf(text: string): bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const number = v4Number(group);
    return [number >> 16n, number & 0xffffn];
  });
}

function v4Number(address: string): bigint {
  return BigInt(address.split('.').reduce((number, byte) => number * 256 + Number(byte), 0));
}
