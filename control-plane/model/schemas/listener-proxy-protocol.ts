/** What a Listener makes of PROXY headers. */
import { limits } from '../limits.ts';
import type { ListenerSpec } from '../specs.ts';
import { cidr } from './common.ts';
import { about, type Field, fields, itself, listOf, word } from './fields.ts';

export const proxyProtocolSchema: Field<ListenerSpec['proxyProtocol']> = fields(
  {
    accept: about(
      word(['off', 'optional', 'required']),
      'PROXY headers, version 1 or 2, at the head of each connection. `required`: who sends none is closed. `optional`: with a header or without, which has to wait for the first bytes, so not where servers speak first. `off`: none are read.',
      'Listener.listener_filters: ProxyProtocol.allow_requests_without_proxy_protocol',
    ),
    trust: about(
      listOf(cidr(), { least: 1, most: limits.trustedRanges, unique: { what: 'The range', key: itself } }).optional(),
      'Whose header is believed. With `optional` others may connect without one (at our own nodes; Envoy closes them), with `required` they are closed. `[0.0.0.0/0, "::/0"]` believes everybody.',
      'FilterChainMatch.direct_source_prefix_ranges',
      { 'x-default': '*required*, but with `off`' },
    ),
  },
  {
    check: ({ accept, trust }) => {
      if (trust !== undefined || (accept !== 'optional' && accept !== 'required')) return undefined;
      const detail = '`trust` is missing: whoever is believed can call itself any client.';
      const remedy =
        'Name the proxies in front, `trust: [10.0.0.0/8]`; `[0.0.0.0/0, "::/0"]` believes everybody, which is for networks that nobody else reaches.';
      return { field: 'trust', code: 'missing-field', detail, remedy };
    },
  },
).transform(({ accept, trust = [] }) => (accept === 'off' ? null : { accept, trust }));
