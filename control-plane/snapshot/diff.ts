/** What changed between two states of one type; worked out once, shared by every stream that stands between the two. */
import type { EncodedResource, TypeSnapshot } from './snapshot.ts';

export interface TypeDiff {
  /** New or with another version, as they are now; in name order. */
  readonly changed: readonly EncodedResource[];
  /** Gone, as they were; in name order. */
  readonly removed: readonly EncodedResource[];
}

const nothing: TypeDiff = { changed: [], removed: [] };

const known = new WeakMap<TypeSnapshot, WeakMap<TypeSnapshot, TypeDiff>>();

export function diffTypes(from: TypeSnapshot, to: TypeSnapshot): TypeDiff {
  // not by their versions: what a client names of a type has that of the whole
  if (from === to) return nothing;
  let byFrom = known.get(to);
  if (byFrom === undefined) known.set(to, (byFrom = new WeakMap()));
  let diff = byFrom.get(from);
  if (diff === undefined) byFrom.set(from, (diff = compare(from, to)));
  return diff;
}

function compare(from: TypeSnapshot, to: TypeSnapshot): TypeDiff {
  const changed: EncodedResource[] = [];
  for (const resource of to.resources.values()) {
    const before = from.resources.get(resource.name);
    if (before !== resource && before?.version !== resource.version) changed.push(resource);
  }
  const removed = [...from.resources.values()].filter(({ name }) => !to.resources.has(name));
  return { changed, removed };
}
