/** A Route's `match` to envoy.config.route.v3.RouteMatch. */
import type { RouteConfiguration } from '../../proto/envoy.ts';
import type { HeaderMatchSpec, RouteSpec } from '../model/specs.ts';

type Route = NonNullable<NonNullable<RouteConfiguration['virtual_hosts']>[number]['routes']>[number];
export type RouteMatch = NonNullable<Route['match']>;
export type HeaderMatcher = NonNullable<RouteMatch['headers']>[number];

export function routeMatch({ path, ignoreCase, methods, headers }: RouteSpec['match']): RouteMatch {
  return {
    ...pathSpecifier(path),
    ...(ignoreCase && { case_sensitive: { value: false } }),
    headers: [...methodMatchers(methods), ...headerMatchers(headers)],
  };
}

function pathSpecifier({ type, value }: RouteSpec['match']['path']): RouteMatch {
  switch (type) {
    case 'exact':
      return { path: value };
    case 'rawPrefix':
      return { prefix: value };
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
  const regex = methods.map((method) => method.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  return [{ name: ':method', string_match: { safe_regex: { regex } } }];
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
  const matcher = 'range' in condition ? rangeMatcher(condition.range) : { string_match: condition };
  return { name, ...matcher, ...(not && { invert_match: true, treat_missing_header_as_empty: true }) };
}

function rangeMatcher([start, end]: readonly [number, number]): HeaderMatcher {
  return { range_match: { start, end } };
}
