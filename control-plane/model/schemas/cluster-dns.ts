/** A cluster that is known by name: the `dns` of a Cluster. */
import type { DnsSpec } from '../cluster-specs.ts';
import { canonicalHost } from '../hosts.ts';
import { type Parsed, show } from '../problems.ts';
import { formatDuration, parseDuration } from '../units.ts';
import { about, type Field, fields, text, whole, word } from './fields.ts';

/** Every node asks so often. */
const leastRefreshMs = 1_000;

const remedy = 'Write a name that DNS knows, such as `orders.internal`.';

/** A name whose last part is a number, also a hexadecimal one, is read as an address by resolvers. */
function parseName(written: string): Parsed<string> {
  const host = canonicalHost(written);
  if (!host.ok) return host;
  if (host.value.includes('*')) {
    return { ok: false, fault: { detail: `${show(written)} stands for many names.`, remedy } };
  }
  if (!/(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(host.value)) return host;
  const detail = `${show(written)} would be read as an IP address.`;
  return { ok: false, fault: { detail, remedy: 'Write addresses in `endpoints`.' } };
}

export const dnsSchema: Field<DnsSpec> = fields({
  host: about(
    text('host', remedy, parseName),
    'The name; any that the resolver of a node knows, and it may lead to any address that the node reaches.',
    'Cluster.load_assignment: LbEndpoint.endpoint.address.socket_address.address',
  ),
  port: about(whole(1, 65_535), 'Its port.', 'Cluster.load_assignment: socket_address.port_value'),
  resolve: about(
    word(['strict', 'logical']).prefault('strict'),
    '`strict`: every address that is found is an endpoint; `logical`: the name is one endpoint, and a new connection goes to what it leads to then.',
    'Cluster.type: STRICT_DNS or LOGICAL_DNS',
  ),
  refresh: about(
    text('`ttl` | duration', 'Write `ttl`, or a duration such as `30s`.', parseRefresh).optional(),
    'How often it is asked; `ttl`: as its answer says. If there is none, the last good one stands.',
    'Cluster.respect_dns_ttl or dns_refresh_rate',
    { 'x-default': '`ttl`' },
  ),
}).transform(({ host, port, resolve, refresh }) => ({
  ...{ host, port, resolve },
  refreshMs: refresh === undefined || refresh === 'ttl' ? null : refresh,
}));

function parseRefresh(written: string): Parsed<'ttl' | number> {
  if (written === 'ttl') return { ok: true, value: 'ttl' };
  const ms = parseDuration(written);
  if (!ms.ok || ms.value >= leastRefreshMs) return ms;
  const detail = `${show(written)} is too often.`;
  return { ok: false, fault: { detail, remedy: `Write \`${formatDuration(leastRefreshMs)}\` or more.` } };
}
