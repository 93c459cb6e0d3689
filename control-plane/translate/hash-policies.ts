/** The `hash` of a Route's affinity to envoy.config.route.v3.RouteAction.HashPolicy. */
import { durationOf } from '../../proto/codec.ts';
import type { VirtualHost } from '../../proto/envoy.ts';
import type { AffinitySpec, CookieKeySpec, HashKeySpec } from '../model/specs.ts';

type Action = NonNullable<NonNullable<VirtualHost['routes']>[number]['route']>;
type HashPolicy = NonNullable<Action['hash_policy']>[number];

/** The first that yields something ends the search, unless all are combined. */
export function hashPolicies(affinity: AffinitySpec | null): Pick<Action, 'hash_policy'> {
  if (affinity === null || affinity.hash.length === 0) return {};
  const terminal = affinity.combine ? {} : { terminal: true };
  return { hash_policy: affinity.hash.map((key) => ({ ...policy(key), ...terminal })) };
}

function policy(key: HashKeySpec): HashPolicy {
  if ('header' in key) return { header: { header_name: key.header } };
  if ('cookie' in key) return { cookie: cookie(key.cookie) };
  if ('query' in key) return { query_parameter: { name: key.query } };
  if ('source' in key) return { connection_properties: { source_ip: true } };
  // Envoy's path has the query
  return { header: { header_name: ':path', regex_rewrite: { pattern: { regex: '\\?.*' }, substitution: '' } } };
}

/** Envoy makes one where a time to live is said, and one for as long as the client runs if that is 0. */
function cookie({ name, ttlMs, path, attributes }: CookieKeySpec): NonNullable<HashPolicy['cookie']> {
  if (ttlMs === null) return { name };
  return {
    ...{ name, path, ttl: durationOf(ttlMs) },
    attributes: Object.entries(attributes).map(([name, value]) => ({ name, value })),
  };
}
