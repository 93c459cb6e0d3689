/** envoy.config.route.v3.HeaderMatcher, its deprecated forms included. */
import type { RouteConfiguration } from '../../../proto/envoy.ts';
import type { HeaderMatchConfig } from '../../model/config.ts';
import { checkFields, fieldTable } from './fields.ts';
import { type Place, unsupported } from './problems.ts';
import { required } from './values.ts';

type Route = NonNullable<NonNullable<RouteConfiguration['virtual_hosts']>[number]['routes']>[number];
type HeaderMatcher = NonNullable<NonNullable<Route['match']>['headers']>[number];
type StringMatcher = NonNullable<HeaderMatcher['string_match']>;
type RegexMatcher = NonNullable<StringMatcher['safe_regex']>;
type Condition = HeaderMatchConfig['condition'];
type TextType = Extract<Condition, { ignoreCase: boolean }>['type'];

const headerFields = fieldTable('envoy.config.route.v3.HeaderMatcher', {
  carried: [
    ...['name', 'invert_match', 'treat_missing_header_as_empty', 'string_match', 'present_match', 'range_match'],
    ...['exact_match', 'prefix_match', 'suffix_match', 'contains_match', 'safe_regex_match'],
  ],
});
const stringFields = fieldTable('envoy.type.matcher.v3.StringMatcher', {
  carried: ['exact', 'prefix', 'suffix', 'contains', 'safe_regex', 'ignore_case'],
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
  if (message.string_match) return readString(place.field('string_match'), message.string_match);
  if (message.safe_regex_match) return readRegex(place.field('safe_regex_match'), message.safe_regex_match);
  if (message.range_match) return readRange(place.field('range_match'), message.range_match);
  for (const type of ['exact', 'prefix', 'suffix', 'contains'] as const) {
    const value = message[`${type}_match`];
    if (value !== undefined) return text(place.field(`${type}_match`), type, value, false);
  }
  // no condition at all asks for the header to be there
  return { type: 'present', present: message.present_match ?? true };
}

function readString(place: Place, message: StringMatcher): Condition {
  checkFields(place, message, stringFields);
  if (message.safe_regex) return readRegex(place.field('safe_regex'), message.safe_regex);
  for (const type of ['exact', 'prefix', 'suffix', 'contains'] as const) {
    const value = message[type];
    if (value !== undefined) return text(place.field(type), type, value, message.ignore_case ?? false);
  }
  if (message.custom === null || message.custom === undefined) place.refuse('says no pattern');
  return { type: 'present', present: true };
}

function text(place: Place, type: TextType, value: string, ignoreCase: boolean): Condition {
  if (type !== 'exact') required(place, value);
  return { type, value, ignoreCase };
}

function readRange(place: Place, range: NonNullable<HeaderMatcher['range_match']>): Condition {
  const start = Number(range.start ?? 0);
  const end = Number(range.end ?? 0);
  if (start >= end) place.refuse('start must be less than end');
  return { type: 'range', start, end };
}

function readRegex(place: Place, { regex = '' }: RegexMatcher): Condition {
  const values = literalAlternatives(regex);
  if (values === null) place.field('regex').refuse(`regex ${unsupported}, but for alternatives like GET|POST`);
  return { type: 'oneOf', values: values ?? [] };
}

/**
 * The texts that a regex stands for if it is a plain alternation of literals, such as `GET|POST`, `^(GET|POST)$` or
 * `a\.b`; null otherwise. Envoy matches whole values, so the anchors say nothing new.
 */
export function literalAlternatives(regex: string): string[] | null {
  const unanchored = regex.replace(/^\^/, '').replace(/(?<!\\)\$$/, '');
  const body = /^\((?:\?:)?(.*)\)$/s.exec(unanchored)?.[1] ?? unanchored;
  const values = [''];
  for (let at = 0; at < body.length; at++) {
    let char = body[at]!;
    if (char === '|') {
      values.push('');
      continue;
    }
    if (char === '\\') {
      char = body[++at] ?? '';
      // a letter or digit behind a backslash is a class or a reference
      if (!/^[!-/:-@[-`{-~]$/.test(char)) return null;
    } else if (/[.*+?^$(){}[\]]/.test(char)) return null;
    values[values.length - 1] += char;
  }
  return values.includes('') ? null : values;
}
