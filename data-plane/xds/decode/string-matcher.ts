/** envoy.type.matcher.v3.StringMatcher and RegexMatcher. */
import type { VirtualHost } from '../../../proto/envoy.ts';
import { readRegex as checkRegex } from '../../../proto/re2/regex.ts';
import type { TextConditionConfig } from '../../model/config.ts';
import { checkFields, fieldTable } from './fields.ts';
import type { Place } from './problems.ts';
import { required } from './values.ts';

type RouteMatch = NonNullable<NonNullable<VirtualHost['routes']>[number]['match']>;
export type StringMatcher = NonNullable<NonNullable<RouteMatch['headers']>[number]['string_match']>;
export type RegexMatcher = NonNullable<StringMatcher['safe_regex']>;
type TextType = Extract<TextConditionConfig, { ignoreCase: boolean }>['type'];

const stringFields = fieldTable('envoy.type.matcher.v3.StringMatcher', {
  carried: ['exact', 'prefix', 'suffix', 'contains', 'safe_regex', 'ignore_case'],
});

// google_re2 says which engine, and there is no other
const regexFields = fieldTable('envoy.type.matcher.v3.RegexMatcher', { carried: ['regex'], ignored: ['google_re2'] });

/** Null after reporting a problem. */
export function readString(place: Place, message: StringMatcher): TextConditionConfig | null {
  checkFields(place, message, stringFields);
  if (message.safe_regex) return readRegex(place.field('safe_regex'), message.safe_regex);
  for (const type of ['exact', 'prefix', 'suffix', 'contains'] as const) {
    const value = message[type];
    if (value !== undefined) return readText(place.field(type), type, value, message.ignore_case ?? false);
  }
  if (message.custom === null || message.custom === undefined) place.refuse('says no pattern');
  return null;
}

export function readText(place: Place, type: TextType, value: string, ignoreCase: boolean): TextConditionConfig {
  if (type !== 'exact') required(place, value);
  return { type, value: bytesOf(value), ignoreCase };
}

/** Requests are compared byte by byte, as Latin-1. */
function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

export function readRegex(place: Place, message: RegexMatcher): TextConditionConfig {
  const regex = readPattern(place, message);
  const values = literalAlternatives(regex);
  return values === null ? { type: 'regex', value: regex } : { type: 'oneOf', values: values.map(bytesOf) };
}

/** A regular expression that is carried out; otherwise a problem was reported. */
export function readPattern(place: Place, message: RegexMatcher): string {
  checkFields(place, message, regexFields);
  const regex = required(place.field('regex'), message.regex);
  const read = checkRegex(regex);
  if (!read.ok) place.field('regex').refuse(read.message);
  return regex;
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
