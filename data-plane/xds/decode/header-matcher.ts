/** envoy.config.route.v3.HeaderMatcher, its deprecated forms included. */
import type { RouteConfiguration } from '../../../proto/envoy.ts';
import type { HeaderMatchConfig } from '../../model/config.ts';
import { checkFields, fieldTable } from './fields.ts';
import { type Place, unsupported } from './problems.ts';
import { readRegex, readString, readText } from './string-matcher.ts';
import { required } from './values.ts';

type Route = NonNullable<NonNullable<RouteConfiguration['virtual_hosts']>[number]['routes']>[number];
type HeaderMatcher = NonNullable<NonNullable<Route['match']>['headers']>[number];
type Condition = HeaderMatchConfig['condition'];

const headerFields = fieldTable('envoy.config.route.v3.HeaderMatcher', {
  carried: [
    ...['name', 'invert_match', 'treat_missing_header_as_empty', 'string_match', 'present_match', 'range_match'],
    ...['exact_match', 'prefix_match', 'suffix_match', 'contains_match', 'safe_regex_match'],
  ],
});
const knownPseudoHeaders = [':method', ':path', ':authority'];

export function readHeaderMatcher(place: Place, message: HeaderMatcher): HeaderMatchConfig {
  checkFields(place, message, headerFields);
  const name = required(place.field('name'), message.name).toLowerCase();
  if (name.startsWith(':') && !knownPseudoHeaders.includes(name)) {
    place.field('name').refuse(`${name} is ${unsupported}`);
  }
  return {
    name,
    condition: readCondition(place, message),
    invert: message.invert_match ?? false,
    treatMissingAsEmpty: message.treat_missing_header_as_empty ?? false,
  };
}

function readCondition(place: Place, message: HeaderMatcher): Condition {
  if (message.string_match) {
    return readString(place.field('string_match'), message.string_match) ?? { type: 'present', present: true };
  }
  if (message.safe_regex_match) return readRegex(place.field('safe_regex_match'), message.safe_regex_match);
  if (message.range_match) return readRange(place.field('range_match'), message.range_match);
  for (const type of ['exact', 'prefix', 'suffix', 'contains'] as const) {
    const value = message[`${type}_match`];
    if (value !== undefined) return readText(place.field(`${type}_match`), type, value, false);
  }
  // no condition at all asks for the header to be there
  return { type: 'present', present: message.present_match ?? true };
}

function readRange(place: Place, range: NonNullable<HeaderMatcher['range_match']>): Condition {
  const start = Number(range.start ?? 0);
  const end = Number(range.end ?? 0);
  if (start >= end) place.refuse('start must be less than end');
  return { type: 'range', start, end };
}
