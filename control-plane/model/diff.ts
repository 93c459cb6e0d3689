/** What changed between two plain JSON values, and RFC 7396 merge patches. */
import { define } from './json-text.ts';
import { pointerOf } from './problems.ts';

export interface Difference {
  /** JSON pointer. */
  readonly path: string;
  readonly op: 'add' | 'remove' | 'replace';
  readonly before?: unknown;
  readonly after?: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

/** Field by field in the order of `before`, then what is new; lists by position. Empty if equal. */
export function diffDocuments(before: unknown, after: unknown): Difference[] {
  return [...differences(before, after, [])];
}

function* differences(before: unknown, after: unknown, path: readonly string[]): Generator<Difference> {
  if (Object.is(before, after)) return;
  if (before === undefined) yield { path: pointerOf(path), op: 'add', after };
  else if (after === undefined) yield { path: pointerOf(path), op: 'remove', before };
  else if (Array.isArray(before) && Array.isArray(after)) {
    const length = Math.max(before.length, after.length);
    for (let index = 0; index < length; index++) {
      yield* differences(before[index], after[index], [...path, String(index)]);
    }
  } else if (isObject(before) && isObject(after)) {
    const names = [...Object.keys(before), ...Object.keys(after).filter((name) => !Object.hasOwn(before, name))];
    for (const name of names) yield* differences(own(before, name), own(after, name), [...path, name]);
  } else yield { path: pointerOf(path), op: 'replace', before, after };
}

/** RFC 7396: `null` removes a field, objects merge, everything else replaces. Changes neither argument. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: Record<string, unknown> = {};
  const old: Fields = isObject(target) ? target : {};
  for (const name of Object.keys(old)) {
    if (!Object.hasOwn(patch, name)) define(merged, name, old[name]);
    else if (patch[name] !== null) define(merged, name, mergePatch(old[name], patch[name]));
  }
  for (const name of Object.keys(patch)) {
    if (!Object.hasOwn(old, name) && patch[name] !== null) define(merged, name, mergePatch(undefined, patch[name]));
  }
  return merged;
}

function isObject(value: unknown): value is Fields {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function own(value: Fields, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}
