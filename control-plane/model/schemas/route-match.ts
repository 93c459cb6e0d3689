import { z } from 'zod';
import { compileTest, readRegex } from '../../../proto/re2/regex.ts';
import { limits } from '../limits.ts';
import { show } from '../problems.ts';
import type { HeaderMatchSpec, QueryMatchSpec, RouteSpec, TextCondition } from '../specs.ts';
import { percent, plainText } from './common.ts';
import { about, type Field, fields, itself, listOf, must, report, text, yesNo } from './fields.ts';
import { path, pathPrefix, template } from './paths.ts';
import { regex } from './regex.ts';

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
    template: about(
      template().optional(),
      'The whole path, in which `{name}` stands for one segment: `/v1/{id}/items`.',
      'RouteMatch.path_match_policy',
    ),
    regex: about(regex().optional(), 'The whole path, by a regular expression (RE2).', 'RouteMatch.safe_regex'),
    ignoreCase: about(
      yesNo().prefault(false),
      'Compare without letter case; not with `template` and `regex` (say `(?i)` there).',
      'RouteMatch.case_sensitive, inverted',
    ),
  },
  {
    exactlyOne: ['exact', 'prefix', 'rawPrefix', 'template', 'regex'],
    remedy: 'Say how it is compared: `{ prefix: /api }` or `{ exact: /api }`.',
    check: ({ ignoreCase, template: written, regex: expression }) => {
      if (ignoreCase !== true || (written === undefined && expression === undefined)) return undefined;
      const what = written === undefined ? 'regex' : 'template';
      const remedy = what === 'regex' ? 'Begin the regex with `(?i)`.' : 'Leave it out, or write a regex.';
      return { field: 'ignoreCase', detail: `A ${what} keeps letter case.`, remedy };
    },
  },
).transform(({ ignoreCase, ...written }) => ({ path: pathOf(written), ignoreCase }));

type WrittenPath = { readonly [T in RouteSpec['match']['path']['type']]?: string | undefined };

function pathOf(written: WrittenPath): RouteSpec['match']['path'] {
  for (const type of ['exact', 'prefix', 'rawPrefix', 'template', 'regex'] as const) {
    const value = written[type];
    if (value !== undefined) return { type, value };
  }
  return everyPath.path;
}

const method = text('method', 'Write a method such as `GET`.', (written) => {
  if (written === 'CONNECT') {
    const detail = 'CONNECT asks for a tunnel, which a route has to allow.';
    return { ok: false, fault: { detail, remedy: 'Take it out, and write `upgrades: [connect]` beside `match`.' } };
  }
  if (!token.test(written) || written.length > limits.nameLength) {
    return { ok: false, fault: { detail: `${show(written)} is no method.`, remedy: 'Write a method such as `GET`.' } };
  }
  const upper = written.toUpperCase();
  if (written === upper) return { ok: true, value: written };
  const detail = `${show(written)} is another method than ${upper}: case counts.`;
  return { ok: false, fault: { detail, remedy: `Write \`${upper}\`.` } };
});

/** Envoy has no list of values for a header: the methods are one regular expression on `:method`. */
export function methodsRegex(methods: readonly string[]): string {
  return methods.map((one) => one.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
}

const methods = must(listOf(method, { least: 1, unique: { what: 'The method', key: itself } }), (written) => {
  if (written.length < 2 || readRegex(methodsRegex(written)).ok) return undefined;
  const detail = 'These are more methods than Envoy compares in one route.';
  return { detail, remedy: 'Leave `methods` out, or write several routes.' };
});

export const headerName: Field<string> = text('header name', 'Write the name of a header.', (written) => {
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

/** Conditions on a text: exactly one is written. `where` is Envoy's message. */
function textConditions(where: string) {
  const match = `${where}.string_match`;
  return {
    exact: about(plainText(0).optional(), 'The whole value.', `${match}.exact`),
    prefix: about(plainText(1).optional(), 'How the value begins.', `${match}.prefix`),
    suffix: about(plainText(1).optional(), 'How the value ends.', `${match}.suffix`),
    contains: about(plainText(1).optional(), 'A text in the value.', `${match}.contains`),
    regex: about(regex().optional(), 'The whole value, by a regular expression (RE2).', `${match}.safe_regex`),
    present: about(yesNo().optional(), 'Whether it is there.', `${where}.present_match`),
  };
}

const textConditionNames = ['exact', 'prefix', 'suffix', 'contains', 'regex', 'present'] as const;

type WrittenCondition = {
  readonly [C in Exclude<(typeof textConditionNames)[number], 'present'>]?: string | undefined;
} & { readonly present?: boolean | undefined };

function conditionOf({ exact, prefix, suffix, contains, regex, present }: WrittenCondition): TextCondition {
  if (exact !== undefined) return { exact };
  if (prefix !== undefined) return { prefix };
  if (suffix !== undefined) return { suffix };
  if (contains !== undefined) return { contains };
  return regex === undefined ? { present: present ?? true } : { regex };
}

const header: Field<HeaderMatchSpec> = fields(
  {
    name: about(headerName, 'Which header; letter case does not count.', 'HeaderMatcher.name'),
    ...textConditions('HeaderMatcher'),
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
  { exactlyOne: [...textConditionNames, 'range'] },
)
  .superRefine(({ not, exact, regex: expression }, ctx) => {
    // an absent header would have to match and an empty one not: Envoy can't tell them apart once it inverts
    if (not && (exact === '' || (expression !== undefined && compileTest(expression)('')))) {
      const detail = 'No proxy can tell "anything but empty" from "absent".';
      report(ctx, { detail, remedy: 'Write `{ present: true }`, or two routes.' });
    }
  })
  .transform(({ name, not, range, ...written }): HeaderMatchSpec => {
    return { name, not, condition: range === undefined ? conditionOf(written) : { range } };
  });

const parameterName = text('parameter name', 'Write the name of a query parameter.', (written) => {
  if (/^[\x21-\x7e]+$/.test(written) && !/[&=#]/.test(written) && written.length <= limits.labelKeyLength) {
    return { ok: true, value: written };
  }
  const detail = `${show(written)} is no name of a query parameter.`;
  return { ok: false, fault: { detail, remedy: 'Write it as it stands in the query: `user`, `my%20name`.' } };
});

const query: Field<QueryMatchSpec> = fields(
  {
    name: about(parameterName, 'Which parameter, as it stands in the query.', 'QueryParameterMatcher.name'),
    ...textConditions('QueryParameterMatcher'),
  },
  { exactlyOne: textConditionNames },
).transform(({ name, ...written }): QueryMatchSpec => ({ name, condition: conditionOf(written) }));

const fraction = must(percent(), (value) =>
  Number.isInteger(Math.round(value * 1e6) / 100)
    ? undefined
    : { detail: `${value}% is finer than Envoy can tell.`, remedy: 'Write four digits behind the point at most.' },
);

const everyPath = { path: { type: 'prefix', value: '/' }, ignoreCase: false } as const;

export const matchSchema: Field<RouteSpec['match']> = fields({
  path: about(
    pathMatch.optional(),
    'Exactly one of `exact`, `prefix`, `rawPrefix`, `template`, `regex`.',
    'RouteMatch',
    { 'x-default': '`{ prefix: / }`' },
  ),
  methods: about(methods.optional(), 'One of these methods.', 'RouteMatch.headers on `:method`', {
    'x-default': 'all',
  }),
  headers: about(
    listOf(header, { most: limits.headerConditions }).prefault([]),
    'All of these; each has a name and exactly one condition.',
    'RouteMatch.headers',
  ),
  query: about(
    listOf(query, { most: limits.queryConditions }).prefault([]),
    'All of these; each has a name and exactly one condition on its first occurrence, compared as it is written.',
    'RouteMatch.query_parameters',
  ),
  fraction: about(
    fraction.optional(),
    'This share of the requests that all else matches; not together with several clusters in `to`.',
    'RouteMatch.runtime_fraction',
    { 'x-default': 'all' },
  ),
}).transform(({ path, methods, headers, query, fraction }) => ({
  ...(path ?? everyPath),
  methods: methods ?? [],
  headers,
  query,
  fractionPercent: fraction ?? null,
}));
