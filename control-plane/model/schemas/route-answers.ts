/** What a route answers without asking a cluster. */
import { canonicalHost } from '../hosts.ts';
import { limits } from '../limits.ts';
import { type Parsed, show } from '../problems.ts';
import type { RedirectSpec, RespondSpec } from '../specs.ts';
import { about, type Field, fields, must, report, text, whole, word } from './fields.ts';
import { parsePath, path } from './paths.ts';
import { headerValues } from './route-headers.ts';

const codes = [301, 302, 303, 307, 308] as const;

type Authority = { readonly host: string; readonly port: string | null };

const hostRemedy = 'Write a host, or `host:port`.';

/** A host, with a port or without. */
export function parseAuthority(written: string): Parsed<Authority> {
  const [, name = '', port] = /^(.*?)(?::([0-9]+))?$/s.exec(written) ?? [];
  const host = canonicalHost(name);
  if (!host.ok) return host;
  if (host.value.includes('*')) {
    return { ok: false, fault: { detail: `${show(written)} is no single host.`, remedy: hostRemedy } };
  }
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) {
    return { ok: false, fault: { detail: `${show(port)} is no port.`, remedy: hostRemedy } };
  }
  return { ok: true, value: { host: host.value, port: port ?? null } };
}

/** A path, with a query or without. */
function parseTarget(written: string): Parsed<string> {
  const [plain = '', ...query] = written.split('?');
  const path = parsePath(plain);
  if (!path.ok) return path;
  if (written.length <= limits.pathLength && !/[^\x21-\x7e]|#/.test(query.join('?')))
    return { ok: true, value: written };
  const detail = `${show(written)} holds what no query can carry.`;
  return { ok: false, fault: { detail, remedy: 'Write it percent-encoded.' } };
}

const code: Field<RedirectSpec['code']> = must(whole(301, 308), (value) =>
  codes.some((known) => known === value)
    ? undefined
    : { detail: `${value} sends nobody elsewhere.`, remedy: `Write ${codes.join(', ')}.` },
).transform((value) => value as RedirectSpec['code']);

export const redirectSchema: Field<RedirectSpec> = fields(
  {
    scheme: about(word(['http', 'https']).optional(), 'Another scheme.', 'RedirectAction.scheme_redirect'),
    host: about(
      text('host', hostRemedy, parseAuthority).optional(),
      'Another host, with a port or without.',
      'RedirectAction.host_redirect, port_redirect',
    ),
    path: about(
      text('path', 'Write a path such as `/new`.', parseTarget).optional(),
      'Another path; its query, where it has one, instead of the one that was asked with.',
      'RedirectAction.path_redirect',
    ),
    prefix: about(
      path().optional(),
      'Instead of the part of the path that `match` names.',
      'RedirectAction.prefix_rewrite or regex_rewrite',
    ),
    code: about(code.prefault(301), '301, 302, 303, 307 or 308.', 'RedirectAction.response_code'),
  },
  {
    check: ({ path: target, prefix }) => {
      if (target === undefined || prefix === undefined) return undefined;
      return { field: 'prefix', detail: '`path` and `prefix` both say the path.', remedy: 'Keep one of them.' };
    },
  },
)
  .superRefine(({ scheme, host, path: target, prefix }, ctx) => {
    if ([scheme, host, target, prefix].some((part) => part !== undefined)) return;
    const detail = 'This sends the client to where it is.';
    report(ctx, { detail, remedy: 'Write `scheme`, `host`, `path` or `prefix`.' });
  })
  .transform(({ scheme, host, path: target, prefix, code: status }) => ({
    scheme: scheme ?? null,
    host: host?.host ?? null,
    port: host?.port ?? null,
    path: target ?? null,
    prefix: prefix ?? null,
    code: status,
  }));

const status = must(whole(200, 599), (value) => {
  if (value < 300 || value > 399 || value === 304) return undefined;
  return { detail: `${value} sends the client elsewhere.`, remedy: 'Write a `redirect`.' };
});

const body = text('text', 'Write a text.', (written) => {
  const bytes = Buffer.byteLength(written);
  if (bytes <= limits.respondBytes) return { ok: true, value: written };
  const detail = `The body has ${bytes} bytes; ${limits.respondBytes} are allowed.`;
  return { ok: false, fault: { detail, remedy: 'Make it shorter, or serve it from a cluster.' } };
});

export const respondSchema: Field<RespondSpec> = fields(
  {
    status: about(status, '200 to 599, without what is a `redirect`.', 'DirectResponseAction.status'),
    body: about(body.prefault(''), 'At most 4,096 bytes; none with 204 and 304.', 'DirectResponseAction.body'),
    headers: about(headerValues().prefault({}), 'Name to value.', 'Route.response_headers_to_add'),
  },
  {
    check: ({ status: value, body: content }) => {
      if ((value !== 204 && value !== 304) || content === undefined || content === '') return undefined;
      return { field: 'body', detail: `An answer of ${value} has no body.`, remedy: 'Leave `body` out.' };
    },
  },
);
