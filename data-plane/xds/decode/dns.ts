/** Clusters whose endpoints come from names: STRICT_DNS and LOGICAL_DNS. */
import type { Cluster } from '../../../proto/envoy.ts';
import type { AssignmentConfig, DnsConfig } from '../../model/config.ts';
import { readNames } from './endpoints.ts';
import { checkFields, fieldTable } from './fields.ts';
import { anyName } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import { millis } from './values.ts';

const failureFields = fieldTable('envoy.config.cluster.v3.Cluster.RefreshRate', {
  carried: ['base_interval', 'max_interval'],
});
/** Which servers are asked, and how, is up to the system. */
const resolverFields = fieldTable('envoy.config.cluster.v3.Cluster', {});
/** Both ask as the system does, unless they say more. */
const resolvers: readonly string[] = [
  'envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig',
  'envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig',
];

const families: Readonly<Record<string, DnsConfig['family']>> = {
  AUTO: 'auto',
  V4_ONLY: 'v4-only',
  V6_ONLY: 'v6-only',
  V4_PREFERRED: 'v4-preferred',
  ALL: 'all',
};

export interface DnsRead {
  readonly dns: DnsConfig;
  readonly assignment: AssignmentConfig;
}

export function readDns(place: Place, message: Cluster, type: DnsConfig['type']): DnsRead {
  checkResolver(place, message);
  const { names, assignment } = readNames(place.field('load_assignment'), message.load_assignment ?? {});
  const localities = message.load_assignment?.endpoints ?? [];
  if (type === 'logical' && (localities.length !== 1 || names.length !== 1)) {
    place.field('load_assignment').refuse('must be of one locality with one endpoint');
  }
  const said = message.dns_lookup_family ?? 'AUTO';
  const family = families[said];
  if (family === undefined) place.field('dns_lookup_family').refuse(`${said} is ${unsupported}`);
  const refreshMs = interval(place.field('dns_refresh_rate'), message.dns_refresh_rate, 5_000);
  const dns: DnsConfig = {
    ...{ type, names, refreshMs },
    family: family ?? 'auto',
    respectTtl: message.respect_dns_ttl ?? false,
    failureRefresh: readFailureRefresh(place.field('dns_failure_refresh_rate'), message, refreshMs),
    jitterMs: millis(place.field('dns_jitter'), message.dns_jitter, 0),
  };
  return { dns, assignment };
}

function readFailureRefresh(
  place: Place,
  { dns_failure_refresh_rate: rate }: Cluster,
  refreshMs: number,
): DnsConfig['failureRefresh'] {
  if (!rate) return { baseMs: refreshMs, maxMs: refreshMs };
  checkFields(place, rate, failureFields);
  if (!rate.base_interval) place.field('base_interval').refuse('must be set');
  const baseMs = interval(place.field('base_interval'), rate.base_interval, refreshMs);
  const maxMs = interval(place.field('max_interval'), rate.max_interval, baseMs * 10);
  if (maxMs < baseMs) place.field('max_interval').refuse('must not be less than base_interval');
  return { baseMs, maxMs };
}

/** Envoy wants more than a millisecond. */
function interval(place: Place, duration: Parameters<typeof millis>[1], fallback: number): number {
  const ms = millis(place, duration, fallback);
  if (ms <= 1) place.refuse('must be more than 1 ms');
  return ms;
}

function checkResolver(place: Place, message: Cluster): void {
  const { dns_resolvers, use_tcp_for_dns_lookups, dns_resolution_config } = message;
  checkFields(place, { dns_resolvers, use_tcp_for_dns_lookups, dns_resolution_config }, resolverFields);
  const any = message.typed_dns_resolver_config?.typed_config;
  if (any === null || any === undefined) return;
  const at = place.field('typed_dns_resolver_config').field('typed_config');
  const name = anyName(any);
  if (!resolvers.includes(name)) at.refuse(`${name || 'a resolver without a type'} is ${unsupported}`);
  else if ((any as { value?: Uint8Array }).value?.length) at.refuse(`settings of a resolver are ${unsupported}`);
}
