/** Faults, the positions where they stand, and the suggestions that go with them. */
import { closest, distance } from 'fastest-levenshtein';
import type { DocumentKey, Problem } from './document.ts';

/** What is wrong with one value; the position is known to whoever asked. */
export interface Fault {
  /** Machine word; `invalid` unless said. */
  readonly code?: string;
  readonly detail: string;
  readonly remedy: string;
}

/** A value, or what is wrong with the text that should have given it. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault };

export type Path = readonly (string | number)[];

/** RFC 6901 pointer of a path: `['spec', 'to', 0]` is `/spec/to/0`. */
export function pointerOf(path: Path): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/**
 * The pointer at which the author wrote what a spec holds at `path`: a list of one may be written as the thing itself,
 * and a step that the author left out ends the pointer.
 */
export function pointerInto(root: unknown, path: Path, prefix: Path = ['spec']): string {
  const steps: (string | number)[] = [...prefix];
  let at = root;
  for (const step of path) {
    if (typeof step === 'number' && !Array.isArray(at)) continue;
    if (at === null || typeof at !== 'object' || !Object.hasOwn(at, step)) break;
    steps.push(step);
    at = (at as Record<string | number, unknown>)[step];
  }
  return pointerOf(steps);
}

export function problemAt(document: DocumentKey | undefined, pointer: string, fault: Fault): Problem {
  return { document, pointer, code: fault.code ?? 'invalid', detail: fault.detail, remedy: fault.remedy };
}

export function notSupportedYet(what: string): Fault {
  return {
    code: 'not-supported-yet',
    detail: `${what} is not supported yet.`,
    remedy: 'Leave it out: this release does not carry it out.',
  };
}

/** The known name that was probably meant: letter case does not count, and at most two letters in five are wrong. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0 || word.length > longestTypo) return undefined;
  const lower = word.toLowerCase();
  const candidates = known.map((name) => name.toLowerCase());
  const candidate = closest(lower, candidates);
  const wrong = distance(lower, candidate);
  const allowed = Math.max(1, Math.round(0.4 * Math.max(lower.length, candidate.length)));
  return wrong <= allowed ? known[candidates.indexOf(candidate)] : undefined;
}

/** `Did you mean x?` if something known is near, else what there is. */
export function suggestion(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  if (near !== undefined) return `Did you mean \`${near}\`?`;
  return known.length === 0 ? 'Take it out.' : `Known here: ${known.map((name) => `\`${name}\``).join(', ')}.`;
}

const shownLength = 80;

/** Longer words are not searched for: nobody mistypes one. */
const longestTypo = 64;

/** A value as a sentence shows it: JSON, cut short. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (value !== null && typeof value === 'object') return 'an object';
  const text = JSON.stringify(value) ?? String(value);
  // put at a wrong place by mistake: what is wrong with it ends up in logs and terminals
  if (text.includes('PRIVATE KEY-----')) return 'a private key';
  return text.length <= shownLength ? text : `${text.slice(0, shownLength - 1)}…`;
}

/** `a, b and 3 more`. */
export function listing(items: readonly string[], most = 5): string {
  const shown = items.slice(0, most);
  const rest = items.length - shown.length;
  if (rest > 0) return `${shown.join(', ')} and ${rest} more`;
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}
