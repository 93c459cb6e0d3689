import { isIP } from 'node:net';
import { canonicalHost } from '../hosts.ts';
import { limits } from '../limits.ts';
import { type Parsed, show } from '../problems.ts';
import type { L4RouteSpec, Reference } from '../specs.ts';
import type { WrittenReference } from '../units.ts';
import { cidr, destinations, duration, name } from './common.ts';
import { about, type Field, type FieldFault, fields, itself, listOf, text, word, yesNo } from './fields.ts';

/** An L4 route whose references do not name their owner yet. */
export type WrittenL4Route = Omit<L4RouteSpec, 'to'> & {
  readonly to: readonly { readonly cluster: WrittenReference; readonly weight: number }[];
};

const serverNameRemedy = 'Write a name such as `db.example.com`, or `*.example.com` for all names under one.';

/** Clients name hosts in TLS, never addresses. */
function parseServerName(written: string): Parsed<string> {
  const host = canonicalHost(written);
  if (!host.ok) return host;
  if (host.value.endsWith('*')) {
    const detail = `${show(written)} is no name, and no names under one.`;
    return { ok: false, fault: { detail, remedy: `${serverNameRemedy} Every name: leave \`serverNames\` out.` } };
  }
  if (isIP(host.value) === 0) return host;
  return { ok: false, fault: { detail: `${show(written)} is an address.`, remedy: serverNameRemedy } };
}

const alpnRemedy = 'Write the name of a protocol, as clients offer it: `h2`, `http/1.1`, `postgresql`.';

const protocolName = text('protocol', alpnRemedy, (written) =>
  /^[\x21-\x7e]{1,255}$/.test(written)
    ? { ok: true, value: written }
    : { ok: false, fault: { detail: `${show(written)} is no name of a protocol.`, remedy: alpnRemedy } },
);

export const l4RouteSchema: Field<WrittenL4Route> = fields(
  {
    listener: about(
      name(),
      'The tcp, tls-passthrough or udp listener whose connections, or datagrams, it takes.',
      'Listener.filter_chains; of udp Listener.listener_filters',
    ),
    serverNames: about(
      listOf(text('host', serverNameRemedy, parseServerName), {
        unique: { what: 'The name', key: itself },
      }).prefault([]),
      'Of tls-passthrough: the names that clients ask for, each exact or `*.suffix`; none: all, also of who names none. A tenant has to name those that it claims.',
      'FilterChainMatch.server_names',
    ),
    alpn: about(
      listOf(protocolName, { most: limits.alpnProtocols, unique: { what: 'The protocol', key: itself } }).prefault([]),
      'Of tls-passthrough: protocols, of which the client offers one; none: all.',
      'FilterChainMatch.application_protocols',
    ),
    sources: about(
      listOf(cidr(), { unique: { what: 'The range', key: itself } }).prefault([]),
      'Clients, by their addresses (those in PROXY headers, where these are read); none: all. Several routes of one listener are told apart by their names, protocols and sources.',
      'FilterChainMatch.source_prefix_ranges; of udp UdpProxyConfig.matcher',
    ),
    to: about(
      destinations('TcpProxy.weighted_clusters.clusters', ['subset']),
      'Where they go: one cluster, or several by weight; of udp one.',
      'TcpProxy.cluster or TcpProxy.weighted_clusters; of udp Route.cluster',
    ),
    hash: about(
      word(['source', 'five-tuple', 'destination-port', 'authority']).prefault('source'),
      'What clusters of `ring-hash` and `maglev` go by: the address of the client; its address and port, and those it connected to; that port alone; the name that it asks for (the server name of TLS, and what a PROXY header says), not of udp.',
      'TcpProxy.hash_policy, with set_filter_state in front; of udp UdpProxyConfig.hash_policies',
    ),
    idleTimeout: about(
      duration().optional(),
      'A connection without a byte either way for so long is closed, a session of udp without a datagram forgotten; `0s`: never.',
      'TcpProxy.idle_timeout, UdpProxyConfig.idle_timeout',
      { 'x-default': '`1h`; of udp `60s`' },
    ),
    datapath: about(
      word(['user', 'kernel', 'auto']).prefault('auto'),
      'Who moves the bytes: the process; the kernel, of nodes that may program it, to clusters of `maglev`; `auto`: the kernel where it may and can do all that is asked, else the process. An Envoy moves them itself.',
      "nothing of Envoy's: metadata under `fairlead.l4`",
    ),
    perPacket: about(
      yesNo().prefault(false),
      'Of udp: each datagram picks its endpoint anew, whatever its client sent before.',
      'UdpProxyConfig.use_per_packet_load_balancing',
    ),
  },
  { check: (route) => [tooManyMatches(route) ?? [], beyondKernel(route) ?? []].flat() },
).transform(({ idleTimeout, ...route }) => ({ ...route, idleTimeoutMs: idleTimeout ?? null }));

type Written = Readonly<Record<string, unknown>>;

function lengthOf(list: unknown): number {
  return Array.isArray(list) ? list.length : 0;
}

/** Proxies keep an entry for every name with every protocol and every range. */
function tooManyMatches(route: Written): FieldFault | undefined {
  const counts = [route['serverNames'], route['alpn'], route['sources']].map((list) => Math.max(1, lengthOf(list)));
  const matches = counts.reduce((product, count) => product * count, 1);
  // a list that is too long by itself is told so
  if (matches <= limits.matchesPerL4Route || Math.max(...counts) > limits.listLength) return undefined;
  const detail = `${counts.join(' × ')} names, protocols and sources are ${matches} combinations; ${limits.matchesPerL4Route} are allowed.`;
  return { field: 'sources', detail, remedy: 'Make several L4Routes of it, or write wider ranges.' };
}

/** What a kernel cannot do, of what the route says by itself. */
function beyondKernel({ datapath, to, ...route }: Written): FieldFault | undefined {
  if (datapath !== 'kernel') return undefined;
  const said: readonly (readonly [what: string, isSaid: boolean])[] = [
    ['`serverNames`', lengthOf(route['serverNames']) > 0],
    ['`alpn`', lengthOf(route['alpn']) > 0],
    ['several clusters by weight', lengthOf(to) > 1],
    ['`hash: authority`', route['hash'] === 'authority'],
    ['`perPacket`', route['perPacket'] === true],
  ];
  const what = said.find(([, isSaid]) => isSaid)?.[0];
  if (what === undefined) return undefined;
  return { field: 'datapath', detail: `The kernel forwards packets: it knows no ${what}.`, remedy: kernelRemedy };
}

export const kernelRemedy = 'Write `datapath: auto` or `user`, or change the other.';

export function ownL4Route(route: WrittenL4Route, own: (written: WrittenReference) => Reference): L4RouteSpec {
  return { ...route, to: route.to.map(({ cluster, weight }) => ({ cluster: own(cluster), weight })) };
}
