/** What to say about a path or a method that is not there. */
import { nearest } from '../model/problems.ts';
import { ApiError } from './problems.ts';
import type { RegisteredRoute } from './routes.ts';

/** 405 with `Allow` where the path takes other methods, else 404 with what exists near it. */
export function unknownPath(method: string, path: string, routes: readonly RegisteredRoute[]): ApiError {
  const allowed = routes.filter((route) => matchesPattern(route.url, path)).map((route) => route.method);
  if (allowed.length > 0) {
    const allow = [...new Set(allowed)].sort().join(', ');
    return new ApiError(405, `${path} does not take ${method}. It takes ${allow}.`, { headers: { allow } });
  }
  const known = [...new Set(routes.map((route) => route.url).filter((url) => !url.startsWith('/docs/')))];
  const near = nearest(path, known);
  const hint = near === undefined ? '' : ` Did you mean ${near}?`;
  return new ApiError(404, `There is no ${path} here.${hint} Known: ${known.sort().join(', ')}. See /docs.`);
}

function matchesPattern(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const found = path.replace(/(?<=.)\/$/, '').split('/');
  return wanted.length === found.length && wanted.every((part, i) => part.startsWith(':') || part === found[i]);
}
