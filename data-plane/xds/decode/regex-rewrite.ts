/** envoy.type.matcher.v3.RegexMatchAndSubstitute. */
import { readRegex } from '../../../re2/regex.ts';
import { substitutionFault } from '../../../re2/replace.ts';
import type { PathRewriteConfig } from '../../model/config.ts';
import { checkFields, fieldTable } from './fields.ts';
import type { Place } from './problems.ts';
import { type RegexMatcher, readPattern } from './string-matcher.ts';
import { wireText } from './values.ts';

const rewriteFields = fieldTable('envoy.type.matcher.v3.RegexMatchAndSubstitute', {
  carried: ['pattern', 'substitution'],
});

export function readRegexRewrite(
  place: Place,
  message: { readonly pattern?: RegexMatcher | null; readonly substitution?: string },
): PathRewriteConfig {
  checkFields(place, message, rewriteFields);
  const regex = readPattern(place.field('pattern'), message.pattern ?? {});
  const at = place.field('substitution');
  const substitution = wireText(at, message.substitution ?? '');
  if (/[^\x21-\x7e]/.test(substitution)) at.refuse('must hold visible ASCII characters alone');
  const read = readRegex(regex);
  const fault = read.ok ? substitutionFault(substitution, read.pattern.groups) : undefined;
  if (fault !== undefined) at.refuse(fault);
  return { type: 'regex', regex, substitution };
}
