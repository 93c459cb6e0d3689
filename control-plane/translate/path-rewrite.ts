/**
 * What stands instead of the part of a path that a route matches. Envoy's prefix_rewrite is textual: `/api` to `/` would
 * turn `/api/7` into `//7`. Where the two ends differ in a slash, a regular expression takes the slashes along.
 */
import type { RouteSpec } from '../model/specs.ts';

export interface PathRewrite {
  readonly prefix_rewrite?: string;
  readonly regex_rewrite?: { readonly pattern: { readonly regex: string }; readonly substitution: string };
}

/** `match.path` is no template and no regex. Empty where nothing would change. */
export function prefixRewrite({ path, ignoreCase }: RouteSpec['match'], to: string): PathRewrite {
  if (path.type === 'exact') return { prefix_rewrite: to };
  const bare = to.replace(/\/+$/, '');
  const from = path.value.replace(/\/+$/, '');
  const atSlash = path.value.endsWith('/');
  if (from === '' && bare === '' && !ignoreCase) return {};
  if (!atSlash && bare !== '') return { prefix_rewrite: bare };
  const start = `${ignoreCase ? '(?i)' : ''}^${from.replace(/[^\w/]/g, '\\$&')}`;
  return { regex_rewrite: { pattern: { regex: `${start}/${atSlash ? '+' : '*'}` }, substitution: `${bare}/` } };
}
