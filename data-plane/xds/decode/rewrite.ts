/** What changes of host and path: fields of RouteAction and RedirectAction. */

import type { VirtualHost } from '../../../proto/envoy.ts';
import { readRegex } from '../../../proto/re2/regex.ts';
import { substitutionFault } from '../../../proto/re2/replace.ts';
import type { PathRewriteConfig, RewriteConfig } from '../../model/config.ts';
import { checkFields, fieldTable } from './fields.ts';
import type { Place } from './problems.ts';
import { type RegexMatcher, readPattern } from './string-matcher.ts';

const rewriteFields = fieldTable('envoy.type.matcher.v3.RegexMatchAndSubstitute', {
  carried: ['pattern', 'substitution'],
});

type RouteAction = NonNullable<NonNullable<VirtualHost['routes']>[number]['route']>;
type PathFields = Pick<RouteAction, 'prefix_rewrite' | 'regex_rewrite'>;

export function readRewrite(place: Place, message: RouteAction): RewriteConfig | null {
  const path = readPathRewrite(place, message);
  const host = lineText(place.field('host_rewrite_literal'), message.host_rewrite_literal ?? '');
  if (path === null && host === '') return null;
  return { host, forwardHost: message.append_x_forwarded_host ?? false, path };
}

export function readPathRewrite(place: Place, message: PathFields): PathRewriteConfig | null {
  const { prefix_rewrite: prefix, regex_rewrite: regex } = message;
  if (prefix && regex) place.field('regex_rewrite').refuse('must not stand beside prefix_rewrite');
  if (regex) return readRegexRewrite(place.field('regex_rewrite'), regex);
  if (prefix === undefined || prefix === '') return null;
  return { type: 'prefix', value: lineText(place.field('prefix_rewrite'), prefix) };
}

/** Something that stands in a line of a head, whose parts are apart by spaces. */
export function lineText(place: Place, text: string): string {
  if (/[^\x21-\x7e]/.test(text)) place.refuse('must hold visible ASCII characters alone');
  return text;
}

interface Substitution {
  readonly pattern?: RegexMatcher | null;
  readonly substitution?: string;
}

function readRegexRewrite(place: Place, message: Substitution): PathRewriteConfig {
  lineText(place.field('substitution'), message.substitution ?? '');
  return { type: 'regex', ...readSubstitution(place, message) };
}

export function readSubstitution(place: Place, message: Substitution): { regex: string; substitution: string } {
  checkFields(place, message, rewriteFields);
  const { substitution = '' } = message;
  const regex = readPattern(place.field('pattern'), message.pattern ?? {});
  const read = readRegex(regex);
  const fault = read.ok ? substitutionFault(substitution, read.pattern.groups) : undefined;
  if (fault !== undefined) place.field('substitution').refuse(fault);
  return { regex, substitution };
}
