import { z } from 'zod';
import { limits } from '../limits.ts';
import { notSupportedYet, show } from '../problems.ts';
import type { HeaderMatchSpec, RouteSpec } from '../specs.ts';
import { plainText } from './common.ts';
import { about, type Field, fields, itself, listOf, report, text, yesNo } from './fields.ts';
import { path, pathPrefix } from './paths.ts';

/** RFC 9110 5.6.2. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const pathMatch = fields(
  {
    exact: about(path().optional(), 'The whole path.', 'RouteMatch.path'),
    prefix: about(
      pathPrefix().optional(),
      'The path and all below it, segment by segment; a trailing `/` is dropped.',
      'RouteMatch.path_separated_prefix; RouteMatch.prefix for `/`',
    ),
    rawPrefix: about(path().optional(), 'Any path that begins with this text.', 'RouteMatch.prefix'),
    ignoreCase: about(yesNo().prefault(false), 'Compare without letter case.', 'RouteMatch.case_sensitive, inverted'),
  },
  {
    exactlyOne: ['exact', 'prefix', 'rawPrefix'],
    notYet: { regex: '*', template: '*' },
    remedy: 'Say how it is compared: `{ prefix: /api }` or `{ exact: /api }`.',
  },
).transform(({ exact, prefix, rawPrefix, ignoreCase }) => ({
  path:
    exact !== undefined
      ? ({ type: 'exact', value: exact } as const)
      : prefix !== undefined
        ? ({ type: 'prefix', value: prefix } as const)
        : ({ type: 'rawPrefix', value: rawPrefix ?? '/' } as const),
  ignoreCase,
}));

const method = text('method', 'Write a method such as `GET`.', (written) => {
  if (written === 'CONNECT') return { ok: false, fault: notSupportedYet('`CONNECT`') };
  if (!token.test(written) || written.length > limits.nameLength) {
    return { ok: false, fault: { detail: `${show(written)} is no method.`, remedy: 'Write a method such as `GET`.' } };
  }
  const upper = written.toUpperCase();
  if (written === upper) return { ok: true, value: written };
  const detail = `${show(written)} is another method than ${upper}: case counts.`;
  return { ok: false, fault: { detail, remedy: `Write \`${upper}\`.` } };
});

const headerName = text('header name', 'Write the name of a header.', (written) => {
  const name = written.toLowerCase();
  if (name === 'host' || name.startsWith(':')) {
    const detail = `${show(written)} is no header to compare here.`;
    return { ok: false, fault: { detail, remedy: 'Say `hosts`, `match.path` or `match.methods`.' } };
  }
  if (token.test(name) && name.length <= limits.labelKeyLength) return { ok: true, value: name };
  const fault = { detail: `${show(written)} is no name of a header.`, remedy: 'Write letters, digits and `-`.' };
  return { ok: false, fault };
});

const wholeNumber = z.int({ error: 'Write two whole numbers, `[18, 65]`.' });

const range = z
  .tuple([wholeNumber, wholeNumber], { error: 'Write two whole numbers, `[18, 65]`.' })
  .superRefine(([start, end], ctx) => {
    if (start < end) return;
    const detail = `The range from ${start} up to, without, ${end} is empty.`;
    report(ctx, { detail, remedy: `Write \`[${end}, ${start}]\`, or a greater end: it does not belong to the range.` });
  })
  .meta({ 'x-type': '[first, end)' });

const header: Field<HeaderMatchSpec> = fields(
  {
    name: about(headerName, 'Which header; letter case does not count.', 'HeaderMatcher.name'),
    exact: about(plainText(0).optional(), 'The whole value.', 'HeaderMatcher.string_match.exact'),
    prefix: about(plainText(1).optional(), 'How the value begins.', 'HeaderMatcher.string_match.prefix'),
    suffix: about(plainText(1).optional(), 'How the value ends.', 'HeaderMatcher.string_match.suffix'),
    contains: about(plainText(1).optional(), 'A text in the value.', 'HeaderMatcher.string_match.contains'),
    present: about(yesNo().optional(), 'Whether the header is there.', 'HeaderMatcher.present_match'),
    range: about(
      range.optional(),
      'A whole number from the first up to, without, the second.',
      'HeaderMatcher.range_match',
    ),
    not: about(
      yesNo().prefault(false),
      'Turns the condition round; an absent header then matches.',
      'HeaderMatcher.invert_match, treat_missing_header_as_empty',
    ),
  },
  { exactlyOne: ['exact', 'prefix', 'suffix', 'contains', 'present', 'range'], notYet: { regex: '*' } },
)
  .superRefine(({ not, exact }, ctx) => {
    // an absent header would have to match and an empty one not: Envoy can't tell them apart once it inverts
    if (not && exact === '') {
      const detail = 'No proxy can tell "anything but empty" from "absent".';
      report(ctx, { detail, remedy: 'Write `{ present: true }`, or two routes.' });
    }
  })
  .transform(({ name, not, exact, prefix, suffix, contains, present, range }): HeaderMatchSpec => {
    if (exact !== undefined) return { name, not, condition: { exact } };
    if (prefix !== undefined) return { name, not, condition: { prefix } };
    if (suffix !== undefined) return { name, not, condition: { suffix } };
    if (contains !== undefined) return { name, not, condition: { contains } };
    if (range !== undefined) return { name, not, condition: { range } };
    return { name, not, condition: { present: present ?? true } };
  });

const everyPath = { path: { type: 'prefix', value: '/' }, ignoreCase: false } as const;

export const matchSchema: Field<RouteSpec['match']> = fields(
  {
    path: about(pathMatch.optional(), 'Exactly one of `exact`, `prefix`, `rawPrefix`.', 'RouteMatch', {
      'x-default': '`{ prefix: / }`',
    }),
    methods: about(
      listOf(method, { least: 1, unique: { what: 'The method', key: itself } }).optional(),
      'One of these methods.',
      'RouteMatch.headers on `:method`',
      { 'x-default': 'all' },
    ),
    headers: about(
      listOf(header, { most: limits.headerConditions }).prefault([]),
      'All of these; each has a name and exactly one condition.',
      'RouteMatch.headers',
    ),
  },
  { notYet: { query: '', fraction: '' } },
).transform(({ path, methods, headers }) => ({ ...(path ?? everyPath), methods: methods ?? [], headers }));
