/** envoy.config.listener.v3.FilterChainMatch: which connections a chain is for, and what several of them may say. */
import type { Listener } from '../../../proto/envoy.ts';
import type { ChainMatchConfig } from '../../model/config.ts';
import { limits } from '../limits.ts';
import { readRanges } from './cidr.ts';
import { checkFields, type FieldTable, fieldTable } from './fields.ts';
import { type Place, unsupported } from './problems.ts';
import { required } from './values.ts';

type FilterChain = NonNullable<Listener['filter_chains']>[number];
type Match = NonNullable<FilterChain['filter_chain_match']>;

const message = 'envoy.config.listener.v3.FilterChainMatch';
const tcpFields = fieldTable(message, {
  carried: [
    ...['server_names', 'application_protocols', 'transport_protocol', 'destination_port'],
    ...['source_prefix_ranges', 'direct_source_prefix_ranges'],
  ],
  only: { source_type: ['ANY'] },
});
/** Whose PROXY headers are believed. */
const trustFields = fieldTable(message, { carried: ['direct_source_prefix_ranges'] });
const noFields = fieldTable(message, {});

export interface ReadMatch {
  readonly place: Place;
  readonly match: ChainMatchConfig;
  /** 0: any. */
  readonly destinationPort: number;
}

/** What a chain is for: what may be said of it depends on that. */
export type ChainOf = 'tcp' | 'http' | 'http-behind-proxies' | 'what-others-leave';

const fieldsOf: Readonly<Record<ChainOf, FieldTable>> = {
  tcp: tcpFields,
  http: noFields,
  'http-behind-proxies': trustFields,
  'what-others-leave': noFields,
};

export function readMatch(place: Place, message: Match, of: ChainOf): ReadMatch {
  checkFields(place, message, fieldsOf[of]);
  const { transport_protocol: transport = '' } = message;
  const isKnown = transport === 'tls' || transport === 'raw_buffer';
  if (transport !== '' && !isKnown) {
    place.field('transport_protocol').refuse(`${JSON.stringify(transport)} is ${unsupported}`);
  }
  const port = message.destination_port;
  const destinationPort = port?.value ?? 0;
  if (port && (destinationPort < 1 || destinationPort > 65_535)) {
    place.field('destination_port').refuse('must be between 1 and 65535');
  }
  return {
    place,
    match: {
      serverNames: (message.server_names ?? []).map((name, index) => {
        return readServerName(place.item('server_names', index), name);
      }),
      alpn: (message.application_protocols ?? []).map((protocol, index) => {
        return required(place.item('application_protocols', index), protocol);
      }),
      transport: isKnown ? transport : null,
      sources: readRanges(place.field('source_prefix_ranges'), message.source_prefix_ranges),
      directSources: readRanges(place.field('direct_source_prefix_ranges'), message.direct_source_prefix_ranges),
    },
    destinationPort,
  };
}

function readServerName(place: Place, written: string): string {
  const name = required(place, written).toLowerCase();
  if (name.includes('*') && !name.startsWith('*.')) place.refuse('may have no wildcard but *. in front');
  return name;
}

/** As to Envoy, no connection may find two chains that are equally good, and none may be said twice. */
export function checkOverlaps(place: Place, matches: readonly ReadMatch[]): void {
  const keysOf = ({ match }: ReadMatch): readonly (readonly string[])[] => [
    ...[match.serverNames, match.alpn, match.sources, match.directSources, [match.transport ?? '']],
  ];
  const count = matches.reduce((sum, one) => sum + keysOf(one).reduce((all, keys) => all * (keys.length || 1), 1), 0);
  if (count > limits.filterChainKeys) {
    place.refuse(`say ${count} combinations of what they match, which must not be more than ${limits.filterChainKeys}`);
    return;
  }
  const taken = new Map<string, ReadMatch>();
  for (const one of matches) {
    const clash = combinations(keysOf(one)).reduce<ReadMatch | null>((found, key) => {
      const other = found ?? taken.get(key) ?? null;
      taken.set(key, one);
      return other;
    }, null);
    if (clash === one) one.place.refuse('says something twice');
    else if (clash !== null) one.place.refuse(`matches connections that ${clash.place.path} matches as well`);
  }
}

/** One of each list, in all ways; an empty list counts as one of nothing. */
function combinations(lists: readonly (readonly string[])[]): readonly string[] {
  return lists.reduce<readonly string[]>(
    (begun, list) => begun.flatMap((start) => (list.length === 0 ? [''] : list).map((one) => `${start}\n${one}`)),
    [''],
  );
}

/** Nobody reads a ClientHello: no connection would match a chain that goes by one. */
export function refuseHellos(matches: readonly ReadMatch[]): void {
  for (const { place, match } of matches) {
    const asks = match.transport === 'tls' || match.serverNames.length + match.alpn.length > 0;
    if (asks) place.refuse('needs a tls_inspector among listener_filters, or nothing will match');
  }
}

/** A port is that of the listener, or nobody would come; and it makes no difference between chains. */
export function checkPorts(matches: readonly ReadMatch[], port: number, behindProxies: boolean): void {
  const saying = matches.filter(({ destinationPort }) => destinationPort !== 0);
  for (const { place, destinationPort } of saying) {
    const at = place.field('destination_port');
    if (destinationPort !== port) at.refuse(`another port than that of the listener is ${unsupported}`);
    else if (behindProxies) at.refuse(`beside a proxy_protocol filter it is ${unsupported}`);
    else if (saying.length < matches.length) at.refuse(`on some chains only it is ${unsupported}`);
  }
}

/** Whom all chains want to be connected with; null: they don't agree, or somebody takes all. */
export function commonDirectSources(matches: readonly ReadMatch[]): readonly string[] | null {
  const [first, ...others] = matches.map(({ match: { directSources } }) => directSources);
  if (first === undefined || first.length === 0) return null;
  return others.every((one) => one.join() === first.join()) ? first : null;
}
