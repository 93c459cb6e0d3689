/** Which requests go to the same endpoint: the `affinity` of a Route. */
import { z } from 'zod';
import { limits } from '../limits.ts';
import { show } from '../problems.ts';
import type { AffinitySpec, CookieKeySpec, HashKeySpec, StickySpec } from '../route-specs.ts';
import { duration, plainText } from './common.ts';
import { about, type Field, type FieldFault, fields, listOf, must, report, text, yesNo } from './fields.ts';
import { parsePath } from './paths.ts';
import { headerName } from './route-match.ts';

const token = /^[!#$%&'*+.^`|~0-9A-Za-z_-]+$/;

const cookieName = must(plainText(1, limits.labelKeyLength), (name) =>
  token.test(name)
    ? undefined
    : { detail: `${show(name)} is no name of a cookie.`, remedy: 'Write letters, digits, `-` or `_`.' },
);

const cookiePath = must(text('path', 'Write a path such as `/`.', parsePath), (path) =>
  path.includes(';') ? { detail: 'A `;` would end the path.', remedy: 'Take it out.' } : undefined,
);

/** What the other fields say, and what Envoy adds by itself. */
const attributesOfOthers = ['path', 'max-age', 'expires', 'httponly'];

const flag = z.literal(true).transform(() => '');

/** Name to value; `true` or an empty text for those without one, such as `Secure`. */
const attributes: Field<Record<string, string>> = z
  .record(z.string(), z.union([plainText(0, limits.labelValueLength), flag]), {
    error: 'Write an object, such as `{ SameSite: Lax }`.',
  })
  .superRefine((written, ctx) => {
    for (const [name, value] of Object.entries(written)) {
      const path = [name];
      if (attributesOfOthers.includes(name.toLowerCase())) {
        const detail = `${show(name)} is not said here.`;
        report(ctx, { detail, remedy: 'Write `path` and `ttl`; HttpOnly is always there.' }, { path });
      } else if (!token.test(name)) {
        report(ctx, { detail: 'This is no name of an attribute.', remedy: 'Write letters.' }, { path });
      } else if (/[;\t]|[^\x20-\x7e]/.test(value)) {
        report(ctx, { detail: 'This is no value of an attribute.', remedy: 'Write ASCII without `;`.' }, { path });
      }
    }
    if (Object.keys(written).length <= limits.cookieAttributes) return;
    report(ctx, { detail: 'These are too many.', remedy: `Write ${limits.cookieAttributes} or fewer.` });
  })
  .meta({ 'x-type': 'object of texts' });

const hash = 'RouteAction.hash_policy';

const cookieKey: Field<CookieKeySpec> = fields({
  name: about(cookieName, 'Its name; letter case counts.', `${hash}.cookie.name`),
  ttl: about(
    duration().optional(),
    'A client without the cookie is given one that lasts so long; `0s`: until the client closes.',
    `${hash}.cookie.ttl`,
    { 'x-default': 'none is given' },
  ),
  path: about(cookiePath.prefault('/'), 'Of one that is given.', `${hash}.cookie.path`),
  attributes: about(attributes.prefault({}), 'Of one that is given.', `${hash}.cookie.attributes`),
}).transform(({ name, ttl, path, attributes }) => ({ name, ttlMs: ttl ?? null, path, attributes }));

const yes = z.literal(true, { error: 'Write `true`, or leave it out.' });

const hashKey: Field<HashKeySpec> = fields(
  {
    header: about(headerName.optional(), 'The value of a header, also an empty one.', `${hash}.header.header_name`),
    cookie: about(cookieKey.optional(), 'The value of a cookie, if it is not empty.', `${hash}.cookie`),
    query: about(
      plainText(1, limits.pathLength).optional(),
      'The value of a parameter of the query, as it stands there, also an empty one.',
      `${hash}.query_parameter.name`,
    ),
    path: about(
      yes.optional(),
      'The path as it is sent on, without the query.',
      `${hash}.header: \`:path\` without what begins with \`?\``,
    ),
    source: about(yes.optional(), "The client's address.", `${hash}.connection_properties.source_ip`),
  },
  { exactlyOne: ['header', 'cookie', 'query', 'path', 'source'] },
).transform(({ header, cookie, query, path }): HashKeySpec => {
  if (header !== undefined) return { header };
  if (cookie !== undefined) return { cookie };
  if (query !== undefined) return { query };
  return path === undefined ? { source: true } : { path };
});

const session = 'StatefulSessionPerRoute.stateful_session';

const stickySchema: Field<StickySpec> = fields(
  {
    cookie: about(
      cookieName.optional(),
      'The name of the cookie that tells a client its endpoint. Exactly one of `cookie` and `header`.',
      `${session}.session_state: CookieBasedSessionState.cookie.name`,
    ),
    header: about(
      headerName.optional(),
      'The header of answers that tells it, and that the client sends again.',
      `${session}.session_state: HeaderBasedSessionState.name`,
    ),
    ttl: about(duration().optional(), 'How long the cookie lasts.', 'CookieBasedSessionState.cookie.ttl', {
      'x-default': 'until the client closes',
    }),
    path: about(
      cookiePath.optional(),
      'Of the cookie; requests elsewhere are free.',
      'CookieBasedSessionState.cookie.path',
      {
        'x-default': '`/`',
      },
    ),
    attributes: about(attributes.optional(), 'Of the cookie.', 'CookieBasedSessionState.cookie.attributes', {
      'x-default': 'none',
    }),
    strict: about(
      yesNo().prefault(false),
      'Where the endpoint is gone, or not well, the answer is 503; else another one serves.',
      `${session}.strict`,
    ),
    signed: about(
      yesNo().prefault(false),
      'Nodes sign what they tell clients, with the key of their `FAIRLEAD_SESSION_KEY`, and take nothing else; a node without one binds nobody.',
      'nothing of its own: a node that is an Envoy signs nothing',
    ),
  },
  {
    exactlyOne: ['cookie', 'header'],
    check: ({ header, ...ofCookies }): FieldFault | undefined => {
      const field = ['ttl', 'path', 'attributes'].find((name) => ofCookies[name] !== undefined);
      if (header === undefined || field === undefined) return undefined;
      return { field, detail: `A header has no \`${field}\`.`, remedy: 'Take it out, or write `cookie`.' };
    },
  },
).transform(
  ({ cookie, header = '', ttl = 0, path = '/', attributes = {}, strict, signed }): StickySpec =>
    cookie === undefined ? { header, strict, signed } : { cookie, ttlMs: ttl, path, attributes, strict, signed },
);

export const affinitySchema: Field<AffinitySpec> = fields(
  {
    hash: about(
      listOf<HashKeySpec>(hashKey, { least: 1, most: limits.hashKeys }).optional(),
      'What makes the hash by which `ring-hash` and `maglev` clusters choose: the first that yields something; if none does, any endpoint is taken.',
      hash,
      { 'x-default': 'nothing' },
    ),
    combine: about(
      yesNo().optional(),
      'All of `hash` that yield something together.',
      `${hash}.terminal, which is set without it`,
      { 'x-default': '`false`' },
    ),
    sticky: about(
      stickySchema.optional(),
      'A client stays with the endpoint that served it first, with any policy.',
      'Route.typed_per_filter_config: StatefulSessionPerRoute',
      { 'x-default': 'off' },
    ),
  },
  {
    check: ({ hash, combine, sticky }): FieldFault | undefined => {
      if (combine !== undefined && hash === undefined) {
        return { field: 'combine', detail: 'There is nothing to combine.', remedy: 'Write `hash`, or take it out.' };
      }
      if (hash !== undefined || sticky !== undefined) return undefined;
      return {
        field: 'hash',
        code: 'missing-field',
        detail: 'This says nothing.',
        remedy: 'Write `hash` or `sticky`.',
      };
    },
  },
).transform(({ hash, combine, sticky }) => ({
  ...{ hash: hash ?? [], combine: combine ?? false, sticky: sticky ?? null },
}));
