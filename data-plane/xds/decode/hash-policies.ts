/** envoy.config.route.v3.RouteAction.HashPolicy: what the hash of a request is made of. */
import type { VirtualHost } from '../../../proto/envoy.ts';
import type { HashPolicyConfig } from '../../model/config.ts';
import { checkFields, fieldTable } from './fields.ts';
import type { Place } from './problems.ts';
import { readSubstitution } from './rewrite.ts';
import { millis, required, wireText } from './values.ts';

type RouteAction = NonNullable<NonNullable<VirtualHost['routes']>[number]['route']>;
type HashPolicy = NonNullable<RouteAction['hash_policy']>[number];
type Cookie = NonNullable<HashPolicy['cookie']>;

const message = 'envoy.config.route.v3.RouteAction.HashPolicy';
const policyFields = fieldTable(message, {
  carried: ['header', 'cookie', 'connection_properties', 'query_parameter', 'terminal'],
});
const headerFields = fieldTable(`${message}.Header`, { carried: ['header_name', 'regex_rewrite'] });
const cookieFields = fieldTable(`${message}.Cookie`, { carried: ['name', 'ttl', 'path', 'attributes'] });
const attributeFields = fieldTable(`${message}.CookieAttribute`, { carried: ['name', 'value'] });
const connectionFields = fieldTable(`${message}.ConnectionProperties`, { carried: ['source_ip'] });
const queryFields = fieldTable(`${message}.QueryParameter`, { carried: ['name'] });

export function readHashPolicies(place: Place, policies: RouteAction['hash_policy']): HashPolicyConfig[] {
  return (policies ?? []).flatMap((policy, index) => readPolicy(place.item('hash_policy', index), policy) ?? []);
}

/** Null: it finds nothing in any request, or a problem was reported. */
function readPolicy(place: Place, policy: HashPolicy): HashPolicyConfig | null {
  checkFields(place, policy, policyFields);
  const { header, cookie, connection_properties: connection, query_parameter: query, terminal = false } = policy;
  if (header) return { ...readHeader(place.field('header'), header), terminal };
  if (cookie) return { type: 'cookie', ...readCookie(place.field('cookie'), cookie), terminal };
  if (connection) {
    checkFields(place.field('connection_properties'), connection, connectionFields);
    return connection.source_ip ? { type: 'source', terminal } : null;
  }
  if (query) {
    const at = place.field('query_parameter');
    checkFields(at, query, queryFields);
    return { type: 'query', name: required(at.field('name'), query.name), terminal };
  }
  if (!policy.filter_state) place.refuse('says no key');
  return null;
}

function readHeader(place: Place, header: NonNullable<HashPolicy['header']>) {
  checkFields(place, header, headerFields);
  const at = place.field('header_name');
  const name = required(at, header.header_name).toLowerCase();
  if (!/^:?[!#$%&'*+.^`|~0-9a-z_-]*$/.test(name)) at.refuse('must be the name of a header');
  const rewrite = header.regex_rewrite;
  return {
    type: 'header',
    name,
    rewrite: rewrite ? readSubstitution(place.field('regex_rewrite'), rewrite) : null,
  } as const;
}

function readCookie(
  place: Place,
  cookie: Cookie,
): Omit<Extract<HashPolicyConfig, { type: 'cookie' }>, 'type' | 'terminal'> {
  checkFields(place, cookie, cookieFields);
  return {
    name: wireText(place.field('name'), required(place.field('name'), cookie.name)),
    ttlMs: cookie.ttl ? millis(place.field('ttl'), cookie.ttl, 0) : null,
    path: wireText(place.field('path'), cookie.path ?? ''),
    attributes: (cookie.attributes ?? []).map(({ name, value, ...others }, index) => {
      const at = place.item('attributes', index);
      checkFields(at, others, attributeFields);
      return {
        name: wireText(at.field('name'), required(at.field('name'), name)),
        value: wireText(at.field('value'), value ?? ''),
      };
    }),
  };
}
