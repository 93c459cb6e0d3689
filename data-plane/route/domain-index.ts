/**
 * Which virtual host a name leads to. Hosts stand at places, which are numbers, and a host that changes keeps its
 * place: what names lead to is then the same as before, and shared between the old table and the new one.
 */
import type { VirtualHostConfig } from '../model/config.ts';

/** A domain, or what is fixed of it, and the place of its host. */
type Owned = readonly [text: string, at: number];

export interface DomainIndex {
  readonly exact: ReadonlyMap<string, number>;
  /** `.example.com` for `*.example.com`, the longest first. */
  readonly suffixes: readonly Owned[];
  /** `example.` for `example.*`, the longest first. */
  readonly prefixes: readonly Owned[];
  /** Of `*`. */
  readonly any: number;
}

/** The place of no host. */
export const nowhere = 0;

export const emptyIndex: DomainIndex = { exact: new Map(), suffixes: [], prefixes: [], any: nowhere };

/** The place of the most specific host, or {@link nowhere}. */
export function placeOf(name: string, { exact, suffixes, prefixes, any }: DomainIndex): number {
  const at = exact.get(name);
  if (at !== undefined) return at;
  for (const [suffix, host] of suffixes) if (name.length > suffix.length && name.endsWith(suffix)) return host;
  for (const [prefix, host] of prefixes) if (name.length > prefix.length && name.startsWith(prefix)) return host;
  return any;
}

export interface Changed {
  readonly index: DomainIndex;
  /** What stands at a place from now on; undefined: nothing. */
  readonly places: ReadonlyMap<number, VirtualHostConfig | undefined>;
}

/** @param free the first place that was never used */
export function changeIndex(
  before: DomainIndex,
  from: readonly VirtualHostConfig[],
  to: readonly VirtualHostConfig[],
  free: number,
): Changed {
  const { gone, came } = difference(from, to);
  const places = new Map<number, VirtualHostConfig | undefined>();
  const left: Domains = { exact: [], suffixes: [], prefixes: [], any: nowhere };
  const added: Domains = { exact: [], suffixes: [], prefixes: [], any: nowhere };
  const leaving = new Map(gone.map((host) => [keyOf(host), host]));
  let next = free;
  for (const host of came) {
    const old = leaving.get(keyOf(host));
    leaving.delete(keyOf(host));
    const kept = old === undefined ? nowhere : placeOfHost(old, before);
    const at = kept === nowhere ? next++ : kept;
    places.set(at, host);
    if (kept === nowhere) addDomains(added, host, at);
  }
  for (const host of leaving.values()) {
    const at = placeOfHost(host, before);
    places.set(at, undefined);
    addDomains(left, host, at);
  }
  const index = {
    exact: changeMap(before.exact, left.exact, added.exact),
    suffixes: changeList(before.suffixes, left.suffixes, added.suffixes),
    prefixes: changeList(before.prefixes, left.prefixes, added.prefixes),
    any: added.any === nowhere && left.any === nowhere ? before.any : added.any,
  };
  return { index, places };
}

/** Hosts with the same domains may stand at the same place. */
function keyOf({ domains }: VirtualHostConfig): string {
  return JSON.stringify(domains);
}

/** Hosts of one list that the other lacks, both ways. What stands the same at both ends is not looked at twice. */
function difference<T>(before: readonly T[], after: readonly T[]): { gone: readonly T[]; came: readonly T[] } {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  const old = new Set(before.slice(start, before.length - end));
  const fresh = new Set(after.slice(start, after.length - end));
  return { gone: [...old].filter((one) => !fresh.has(one)), came: [...fresh].filter((one) => !old.has(one)) };
}

/** Domains by their form. */
interface Domains {
  readonly exact: Owned[];
  readonly suffixes: Owned[];
  readonly prefixes: Owned[];
  any: number;
}

function addDomains(domains: Domains, host: VirtualHostConfig, at: number): void {
  for (const domain of host.domains) {
    if (domain === '*') domains.any = at;
    else if (domain.startsWith('*')) domains.suffixes.push([domain.slice(1), at]);
    else if (domain.endsWith('*')) domains.prefixes.push([domain.slice(0, -1), at]);
    else domains.exact.push([domain, at]);
  }
}

/** One domain tells it: each belongs to one host. */
function placeOfHost({ domains }: VirtualHostConfig, { exact, suffixes, prefixes, any }: DomainIndex): number {
  const [domain = ''] = domains;
  if (domain === '*') return any;
  const among = (list: readonly Owned[], fixed: string) => list.find(([text]) => text === fixed)?.[1] ?? nowhere;
  if (domain.startsWith('*')) return among(suffixes, domain.slice(1));
  if (domain.endsWith('*')) return among(prefixes, domain.slice(0, -1));
  return exact.get(domain) ?? nowhere;
}

function changeMap(
  before: DomainIndex['exact'],
  left: readonly Owned[],
  added: readonly Owned[],
): DomainIndex['exact'] {
  if (left.length + added.length === 0) return before;
  const map = new Map(before);
  for (const [domain] of left) map.delete(domain);
  for (const [domain, at] of added) map.set(domain, at);
  return map;
}

function changeList(before: readonly Owned[], left: readonly Owned[], added: readonly Owned[]): readonly Owned[] {
  if (left.length + added.length === 0) return before;
  const gone = new Set(left.map(([text]) => text));
  return [...before.filter(([text]) => !gone.has(text)), ...added].sort((a, b) => b[0].length - a[0].length);
}
