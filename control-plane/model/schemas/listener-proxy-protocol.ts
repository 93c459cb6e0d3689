/** What a Listener makes of PROXY headers. */
import { limits } from '../limits.ts';
import type { ListenerSpec } from '../specs.ts';
import { cidr } from './common.ts';
import { about, type Field, fields, itself, listOf, word } from './fields.ts';

/**
 * Loopback, private, shared and link-local addresses (RFC 1918, 3927, 4193, 4291, 6598), as Tomcat's RemoteIpValve
 * takes them: nobody on the internet can come from there, so no stranger is believed where `trust` was forgotten.
 */
export const privateRanges: readonly string[] = [
  ...['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16'],
  ...['::1/128', 'fc00::/7', 'fe80::/10'],
];

export const proxyProtocolSchema: Field<ListenerSpec['proxyProtocol']> = fields({
  accept: about(
    word(['off', 'optional', 'required']),
    'PROXY headers, version 1 or 2, at the head of each connection. `required`: who sends none is closed. `optional`: with a header or without, which has to wait for the first bytes, so not where servers speak first. `off`: none are read.',
    'Listener.listener_filters: ProxyProtocol.allow_requests_without_proxy_protocol',
  ),
  trust: about(
    listOf(cidr(), { least: 1, most: limits.trustedRanges, unique: { what: 'The range', key: itself } }).optional(),
    `Whose header is believed, and can say that it is any client. With \`optional\` others may connect without one (at our own nodes; Envoy closes them), with \`required\` they are closed. The private ranges are ${privateRanges.join(', ')}. \`[0.0.0.0/0, "::/0"]\` believes everybody.`,
    'FilterChainMatch.direct_source_prefix_ranges',
    { 'x-default': 'the private ranges' },
  ),
}).transform(({ accept, trust = privateRanges }) => (accept === 'off' ? null : { accept, trust }));
