/** What changes of a request on its way to the cluster. */
import { readRegex } from '../../../proto/re2/regex.ts';
import { substitutionFault } from '../../../proto/re2/replace.ts';
import { limits } from '../limits.ts';
import type { RewriteSpec } from '../specs.ts';
import { about, type Field, fields, report, text } from './fields.ts';
import { path } from './paths.ts';
import { regex } from './regex.ts';
import { parseAuthority } from './route-answers.ts';

const substitution = text('text', 'Write a path such as `/v2/\\1`.', (written) => {
  if (written.length <= limits.pathLength && !/[^\x21-\x7e]|[?#]/.test(written)) return { ok: true, value: written };
  const detail = 'This holds what no path can carry.';
  return { ok: false, fault: { detail, remedy: 'Write it percent-encoded, without `?` and `#`.' } };
});

const regexRewrite = fields({
  pattern: about(regex(), 'What is replaced, wherever it stands in the path (RE2).', 'RegexMatchAndSubstitute.pattern'),
  to: about(substitution, 'By what; `\\1` is what the first group holds.', 'RegexMatchAndSubstitute.substitution'),
}).superRefine(({ pattern, to }, ctx) => {
  const read = readRegex(pattern);
  const fault = read.ok ? substitutionFault(to, read.pattern.groups) : undefined;
  if (fault === undefined) return;
  report(ctx, { detail: `\`to\` ${fault}.`, remedy: 'Name groups that the pattern has.' }, { path: ['to'] });
});

export const rewriteSchema: Field<RewriteSpec> = fields(
  {
    host: about(
      text('host', 'Write a host, or `host:port`.', parseAuthority).optional(),
      'Another host; the old one goes on as x-forwarded-host.',
      'RouteAction.host_rewrite_literal, append_x_forwarded_host',
    ),
    prefix: about(
      path().optional(),
      'Instead of the part of the path that `match` names; never leaves `//`, nor an empty path.',
      'RouteAction.prefix_rewrite or regex_rewrite',
    ),
    regex: about(
      regexRewrite.optional(),
      'All that a regular expression finds in the path.',
      'RouteAction.regex_rewrite',
    ),
  },
  {
    check: ({ prefix, regex: expression }) => {
      if (prefix === undefined || expression === undefined) return undefined;
      return { field: 'regex', detail: '`prefix` and `regex` both say the path.', remedy: 'Keep one of them.' };
    },
  },
)
  .superRefine(({ host, prefix, regex: expression }, ctx) => {
    if (host !== undefined || prefix !== undefined || expression !== undefined) return;
    report(ctx, { detail: 'This changes nothing.', remedy: 'Write `host`, `prefix` or `regex`.' });
  })
  .transform(({ host, prefix, regex: expression }) => ({
    host: host === undefined ? null : host.host + (host.port === null ? '' : `:${host.port}`),
    prefix: prefix ?? null,
    regex: expression ?? null,
  }));
