/** Query parameters: known ones read, unknown ones refused, because `?dryrun=true` must not write. */
import { closest, distance } from 'fastest-levenshtein';
import { ApiError } from './problems.ts';

export type Query = Readonly<Record<string, readonly string[]>>;

/** All parameters of a URL by name. Throws a 400 for a name that the path does not know. */
export function readQuery(url: string, known: readonly string[]): Query {
  const start = url.indexOf('?');
  const query: Record<string, string[]> = Object.create(null);
  if (start < 0) return query;
  for (const [name, value] of new URLSearchParams(url.slice(start + 1))) {
    if (!known.includes(name)) throw new ApiError(400, unknownParameter(name, known));
    (query[name] ??= []).push(value);
  }
  return query;
}

/** Absent is false; `?name`, `?name=true` and `?name=1` are true. */
export function readFlag(query: Query, name: string): boolean {
  const value = readOne(query, name);
  if (value === undefined || value === 'false' || value === '0') return false;
  if (value === '' || value === 'true' || value === '1') return true;
  throw new ApiError(400, `The query parameter ${name} is "${value}". Write true or false.`);
}

export function readNumber(query: Query, name: string, fallback: number, least: number, most: number): number {
  const text = readOne(query, name);
  if (text === undefined) return fallback;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new ApiError(400, `The query parameter ${name} is "${text}". Write a whole number from ${least} to ${most}.`);
}

export function readOne(query: Query, name: string): string | undefined {
  const values = query[name];
  if (values && values.length > 1) {
    throw new ApiError(400, `The query parameter ${name} is given ${values.length} times. Give it once.`);
  }
  return values?.[0];
}

function unknownParameter(name: string, known: readonly string[]): string {
  if (known.length === 0) return `This path takes no query parameters, but "${name}" is given. Leave it out.`;
  const near = closest(name, [...known]);
  const hint = distance(name.toLowerCase(), near.toLowerCase()) <= 2 ? ` Did you mean "${near}"?` : '';
  return `There is no query parameter "${name}" here.${hint} Known: ${known.join(', ')}.`;
}
