/** Answers that a route gives by itself: a redirect, or a text. */
import type { RedirectConfig, RouteConfig } from '../model/config.ts';
import { compileRewrite } from './path-rewrite.ts';
import type { RequestView } from './request-view.ts';

export interface RouteAnswer {
  readonly status: number;
  /** Bytes, as Latin-1. */
  readonly body: string;
  /** Where the client is sent; empty: nowhere. Undefined: the rewrite is too much work. */
  readonly location: (request: RequestView, scheme: 'http' | 'https') => string | undefined;
}

/** Null: the route leads to a cluster. */
export function compileAnswer({ answer, match }: RouteConfig): RouteAnswer | null {
  if (answer === null) return null;
  if (answer.type === 'respond') return { status: answer.status, body: answer.body, location: () => '' };
  const target = targetOf(answer, match);
  const location: RouteAnswer['location'] = (request, scheme) => {
    const path = target(request);
    if (path === undefined) return undefined;
    const host = answer.host === '' ? hostOf(request.authority, scheme, answer) : answer.host;
    const port = answer.port === 0 ? '' : `:${answer.port}`;
    return `${answer.scheme === '' ? scheme : answer.scheme}://${host}${port}${path}`;
  };
  return { status: answer.status, body: '', location };
}

/** Path and query. */
function targetOf(answer: RedirectConfig, match: RouteConfig['match']): (request: RequestView) => string | undefined {
  const { path, rewrite, stripQuery } = answer;
  const queryOf = stripQuery ? () => '' : ({ query }: RequestView) => query;
  if (path.includes('?')) return () => path;
  if (path !== '') return (request) => path + queryOf(request);
  if (rewrite === null) return (request) => request.path + queryOf(request);
  const rewritten = compileRewrite(rewrite, match);
  return (request) => {
    const result = rewritten(request.path);
    return result === undefined ? undefined : result + queryOf(request);
  };
}

/** The authority as asked, without a port that does not go with where the client is sent. */
function hostOf(authority: string, scheme: 'http' | 'https', { scheme: to, port }: RedirectConfig): string {
  const [, host = authority, asked] = /^(.*):([0-9]+)$/.exec(authority) ?? [];
  if (asked === undefined) return authority;
  const moves = to !== '' && to !== scheme;
  const standard = asked === (scheme === 'http' ? '80' : '443');
  return port !== 0 || (moves && standard) ? host : authority;
}
