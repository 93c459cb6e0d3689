/** envoy.config.route.v3.RouteMatch: which requests a route takes. */
import type { VirtualHost } from '../../../proto/envoy.ts';
import type { QueryMatchConfig, RouteMatchConfig } from '../../model/config.ts';
import { checkFields, fieldTable } from './fields.ts';
import { readPercent } from './fraction.ts';
import { readHeaderMatcher } from './header-matcher.ts';
import { anyName, unpackAny } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import { readPattern, readString } from './string-matcher.ts';
import { bool, required } from './values.ts';

type RouteMatch = NonNullable<NonNullable<VirtualHost['routes']>[number]['match']>;
type QueryMatcher = NonNullable<RouteMatch['query_parameters']>[number];
type RuntimeFraction = NonNullable<RouteMatch['runtime_fraction']>;

const matchFields = fieldTable('envoy.config.route.v3.RouteMatch', {
  carried: [
    ...['prefix', 'path', 'path_separated_prefix', 'safe_regex', 'path_match_policy', 'case_sensitive', 'headers'],
    ...['query_parameters', 'runtime_fraction', 'connect_matcher'],
  ],
});
const queryFields = fieldTable('envoy.config.route.v3.QueryParameterMatcher', {
  carried: ['name', 'string_match', 'present_match'],
});
const fractionFields = fieldTable('envoy.config.core.v3.RuntimeFractionalPercent', { carried: ['default_value'] });
const templateFields = fieldTable('envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig', {
  carried: ['path_template'],
});
const templateMessage = 'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig';

export function readMatch(place: Place, message: RouteMatch): RouteMatchConfig {
  checkFields(place, message, matchFields);
  return {
    path: readPath(place, message),
    caseSensitive: bool(message.case_sensitive, true),
    headers: (message.headers ?? []).map((header, index) => readHeaderMatcher(place.item('headers', index), header)),
    query: (message.query_parameters ?? []).map((one, index) => readQuery(place.item('query_parameters', index), one)),
    fraction: message.runtime_fraction ? readFraction(place.field('runtime_fraction'), message.runtime_fraction) : null,
  };
}

function readPath(place: Place, message: RouteMatch): RouteMatchConfig['path'] {
  if (message.path_separated_prefix !== undefined) {
    const value = message.path_separated_prefix;
    if (!/^[^?#]+[^?#/]$/.test(value)) {
      place.field('path_separated_prefix').refuse('must be two characters or more, without ? and #, not ending in /');
    }
    return { type: 'pathSeparatedPrefix', value };
  }
  if (message.path !== undefined) return { type: 'exact', value: message.path };
  if (message.safe_regex) return { type: 'regex', value: readPattern(place.field('safe_regex'), message.safe_regex) };
  if (message.path_match_policy) {
    return { type: 'template', value: readTemplate(place.field('path_match_policy'), message.path_match_policy) };
  }
  if (message.connect_matcher) return { type: 'connect', value: '' };
  if (message.prefix !== undefined) required(place.field('prefix'), message.prefix);
  else place.refuse('says no path');
  return { type: 'prefix', value: message.prefix ?? '' };
}

function readTemplate(place: Place, { typed_config: config }: { typed_config?: unknown }): string {
  const at = place.field('typed_config');
  if (anyName(config) !== templateMessage) {
    at.refuse(`${anyName(config) || 'nothing'} is ${unsupported}`);
    return '';
  }
  const message = unpackAny(at, templateMessage, config);
  if (message === null) return '';
  checkFields(at, message, templateFields);
  const template = message.path_template ?? '';
  const fault = templateFault(template);
  if (fault !== undefined) at.field('path_template').refuse(fault);
  return template;
}

/** Envoy's rules; its operators `*`, `**` and `{name=...}` are not carried out. */
function templateFault(template: string): string | undefined {
  if (!template.startsWith('/') || template.length > 256) return 'must begin with / and be 256 characters long at most';
  const names: string[] = [];
  const segments = template.slice(1).split('/');
  for (const [index, segment] of segments.entries()) {
    const name = /^\{([A-Za-z][A-Za-z0-9_]{0,15})\}$/.exec(segment)?.[1];
    if (name !== undefined) names.push(name);
    else if (segment === '' && index < segments.length - 1) return 'must not hold //';
    else if (!/^[A-Za-z0-9\-._~%!$&'()+,;:@=]*$/.test(segment)) {
      return `a segment like ${JSON.stringify(segment)} is ${unsupported}`;
    }
  }
  if (new Set(names).size < names.length) return 'names a variable twice';
  return names.length > 5 ? 'holds more than 5 variables' : undefined;
}

function readQuery(place: Place, message: QueryMatcher): QueryMatchConfig {
  checkFields(place, message, queryFields);
  const name = required(place.field('name'), message.name);
  const present = { type: 'present', present: message.present_match ?? true } as const;
  if (!message.string_match) return { name, condition: present };
  return { name, condition: readString(place.field('string_match'), message.string_match) ?? present };
}

/** From 0 to 1. Values that are changed at run time (`runtime_key`) are not there. */
function readFraction(place: Place, message: RuntimeFraction): number {
  checkFields(place, message, fractionFields);
  const value = message.default_value;
  if (value) return readPercent(place.field('default_value'), value);
  place.field('default_value').refuse('must be there');
  return 1;
}
