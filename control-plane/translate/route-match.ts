/** A Route's `match` to envoy.config.route.v3.RouteMatch. */
import { packAny } from '../../proto/codec.ts';
import type { RouteConfiguration } from '../../proto/envoy.ts';
import { methodsRegex } from '../model/schemas/route-match.ts';
import type { HeaderMatchSpec, QueryMatchSpec, RouteSpec, TextCondition } from '../model/specs.ts';

type Route = NonNullable<NonNullable<RouteConfiguration['virtual_hosts']>[number]['routes']>[number];
export type RouteMatch = NonNullable<Route['match']>;
export type HeaderMatcher = NonNullable<RouteMatch['headers']>[number];

type QueryMatcher = NonNullable<RouteMatch['query_parameters']>[number];
type StringMatcher = NonNullable<HeaderMatcher['string_match']>;

/** @param connect CONNECT requests, which have no path, and no others */
export function routeMatch(match: RouteSpec['match'], connect: boolean): RouteMatch {
  const { path, ignoreCase, methods, headers, query, fractionPercent } = match;
  return {
    ...(connect ? { connect_matcher: {} } : pathSpecifier(path)),
    ...(ignoreCase && { case_sensitive: { value: false } }),
    headers: [...methodMatchers(methods), ...headerMatchers(headers)],
    ...(query.length > 0 && { query_parameters: query.map(queryMatcher) }),
    ...(fractionPercent !== null && { runtime_fraction: { default_value: fractionOf(fractionPercent) } }),
  };
}

function queryMatcher({ name, condition }: QueryMatchSpec): QueryMatcher {
  if ('present' in condition && !condition.present) return { name, present_match: false };
  return 'present' in condition ? { name, present_match: true } : { name, string_match: stringMatcher(condition) };
}

/** envoy.type.v3.FractionalPercent in the coarsest unit that holds it. */
export function fractionOf(percent: number) {
  if (Number.isInteger(percent)) return { numerator: percent, denominator: 'HUNDRED' } as const;
  const hundredths = Math.round(percent * 1e4) / 100;
  if (Number.isInteger(hundredths)) return { numerator: hundredths, denominator: 'TEN_THOUSAND' } as const;
  return { numerator: Math.round(percent * 1e4), denominator: 'MILLION' } as const;
}

function stringMatcher(condition: Exclude<TextCondition, { present: boolean }>): StringMatcher {
  return 'regex' in condition ? { safe_regex: { regex: condition.regex } } : condition;
}

function pathSpecifier({ type, value }: RouteSpec['match']['path']): RouteMatch {
  switch (type) {
    case 'exact':
      return { path: value };
    case 'rawPrefix':
      return { prefix: value };
    case 'regex':
      return { safe_regex: { regex: value } };
    case 'template':
      return {
        path_match_policy: {
          name: 'envoy.path.match.uri_template.uri_template_matcher',
          typed_config: packAny('envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig', {
            path_template: value,
          }),
        },
      };
    case 'prefix': {
      // Envoy refuses a path_separated_prefix that ends in a slash; `/` alone matches everything
      const segments = value.replace(/\/+$/, '');
      return segments === '' ? { prefix: '/' } : { path_separated_prefix: segments };
    }
  }
}

function methodMatchers(methods: readonly string[]): HeaderMatcher[] {
  const [first, ...others] = methods;
  if (first === undefined) return [];
  if (others.length === 0) return [{ name: ':method', string_match: { exact: first } }];
  return [{ name: ':method', string_match: { safe_regex: { regex: methodsRegex(methods) } } }];
}

export function headerMatchers(headers: RouteSpec['match']['headers']): HeaderMatcher[] {
  return headers.map(headerMatcher);
}

/**
 * An inverted Envoy matcher does not match an absent header unless it is told to see it as empty; documents say that an
 * absent header does not meet the inner condition and so matches. `present` needs neither: its inverse is another one.
 */
function headerMatcher({ name, condition, not }: HeaderMatchSpec): HeaderMatcher {
  if ('present' in condition) return { name, present_match: condition.present !== not };
  const matcher = 'range' in condition ? rangeMatcher(condition.range) : { string_match: stringMatcher(condition) };
  return { name, ...matcher, ...(not && { invert_match: true, treat_missing_header_as_empty: true }) };
}

function rangeMatcher([start, end]: readonly [number, number]): HeaderMatcher {
  return { range_match: { start, end } };
}
