/** Rewrites of the path, without its query. */
import { compileReplace } from '../../proto/re2/regex.ts';
import type { PathRewriteConfig, RouteMatchConfig } from '../model/config.ts';

/** The new path; undefined: a regular expression found more to do than one path is worth. */
export type PathRewrite = (path: string) => string | undefined;

export function compileRewrite(rewrite: PathRewriteConfig, match: RouteMatchConfig): PathRewrite {
  if (rewrite.type === 'regex') return compileReplace(rewrite.regex, rewrite.substitution);
  const { type, value } = match.path;
  // a template or a regex matches the whole path
  if (type === 'regex' || type === 'template') return () => rewrite.value;
  return (path) => rewrite.value + path.slice(value.length);
}
