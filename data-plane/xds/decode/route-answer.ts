/** envoy.config.route.v3.RedirectAction and DirectResponseAction. */
import type { VirtualHost } from '../../../proto/envoy.ts';
import type { RedirectConfig, RespondConfig, RouteConfig } from '../../model/config.ts';
import { checkFields, fieldTable } from './fields.ts';
import { type Place, unsupported } from './problems.ts';
import { lineText, readPathRewrite } from './rewrite.ts';

type Route = NonNullable<VirtualHost['routes']>[number];
type Redirect = NonNullable<Route['redirect']>;
type DirectResponse = NonNullable<Route['direct_response']>;

const redirectFields = fieldTable('envoy.config.route.v3.RedirectAction', {
  carried: [
    ...['https_redirect', 'scheme_redirect', 'host_redirect', 'port_redirect', 'path_redirect', 'prefix_rewrite'],
    ...['regex_rewrite', 'response_code', 'strip_query'],
  ],
});
const directFields = fieldTable('envoy.config.route.v3.DirectResponseAction', { carried: ['status', 'body'] });
const sourceFields = fieldTable('envoy.config.core.v3.DataSource', { carried: ['inline_string', 'inline_bytes'] });

/** Envoy's default of max_direct_response_body_size_bytes. */
const bodyBytes = 4096;

const codes: Readonly<Record<string, number>> = {
  MOVED_PERMANENTLY: 301,
  FOUND: 302,
  SEE_OTHER: 303,
  TEMPORARY_REDIRECT: 307,
  PERMANENT_REDIRECT: 308,
};

/** Null: the route leads to a cluster, or says something else. */
export function readAnswer(place: Place, { redirect, direct_response }: Route): RouteConfig['answer'] {
  if (redirect) return readRedirect(place.field('redirect'), redirect);
  return direct_response ? readDirect(place.field('direct_response'), direct_response) : null;
}

function readRedirect(place: Place, message: Redirect): RedirectConfig {
  checkFields(place, message, redirectFields);
  const port = message.port_redirect ?? 0;
  if (port > 65_535) place.field('port_redirect').refuse('must be a port');
  return {
    type: 'redirect',
    status: codes[String(message.response_code ?? 'MOVED_PERMANENTLY')] ?? 301,
    scheme: message.https_redirect ? 'https' : schemeOf(place.field('scheme_redirect'), message.scheme_redirect ?? ''),
    host: lineText(place.field('host_redirect'), message.host_redirect ?? ''),
    port,
    path: lineText(place.field('path_redirect'), message.path_redirect ?? ''),
    rewrite: readPathRewrite(place, message),
    stripQuery: message.strip_query ?? false,
  };
}

function schemeOf(place: Place, scheme: string): string {
  if (!/^(?:[A-Za-z][A-Za-z0-9+.-]*)?$/.test(scheme)) place.refuse('must be a scheme');
  return scheme;
}

function readDirect(place: Place, message: DirectResponse): RespondConfig {
  checkFields(place, message, directFields);
  const status = message.status ?? 0;
  if (status < 200 || status > 599) place.field('status').refuse('must be between 200 and 599');
  const at = place.field('body');
  let body: Buffer = Buffer.alloc(0);
  if (message.body) {
    checkFields(at, message.body, sourceFields);
    const { inline_string: text, inline_bytes: bytes } = message.body;
    body = bytes ? Buffer.from(bytes as Uint8Array) : Buffer.from(text ?? '', 'utf8');
  }
  if (body.length > bodyBytes) at.refuse(`must be ${bodyBytes} bytes at most`);
  // these have no body on the wire, and what followed their heads would be taken for the next answer
  if (body.length > 0 && (status === 204 || status === 304))
    at.refuse(`beside a status of ${status} is ${unsupported}`);
  return { type: 'respond', status, body: body.toString('latin1') };
}
