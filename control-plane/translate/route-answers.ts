/** A Route's `redirect` and `respond` to envoy.config.route.v3.RedirectAction and DirectResponseAction. */
import type { VirtualHost } from '../../proto/envoy.ts';
import type { RedirectSpec, RespondSpec, RouteSpec } from '../model/specs.ts';
import { prefixRewrite } from './path-rewrite.ts';

type Route = NonNullable<VirtualHost['routes']>[number];

const codes = {
  301: 'MOVED_PERMANENTLY',
  302: 'FOUND',
  303: 'SEE_OTHER',
  307: 'TEMPORARY_REDIRECT',
  308: 'PERMANENT_REDIRECT',
} as const;

export function redirectAction(redirect: RedirectSpec, match: RouteSpec['match']): NonNullable<Route['redirect']> {
  const { scheme, host, port, path, prefix, code } = redirect;
  return {
    ...(scheme !== null && { scheme_redirect: scheme }),
    ...(host !== null && { host_redirect: host }),
    ...(port !== null && { port_redirect: Number(port) }),
    ...(path !== null && { path_redirect: path }),
    ...(prefix !== null && prefixRewrite(match, prefix)),
    response_code: codes[code],
  };
}

export function directResponse({ status, body }: RespondSpec): NonNullable<Route['direct_response']> {
  return { status, ...(body !== '' && { body: { inline_string: body } }) };
}
