import { z } from 'zod';
import { limits } from '../limits.ts';
import { nearest, notSupportedYet, show } from '../problems.ts';
import type { ListenerSpec } from '../specs.ts';
import type { WrittenReference } from '../units.ts';
import { clientCertificates } from './client-certificates.ts';
import { address, duration, name, names, percent, reference, size } from './common.ts';
import { about, type Field, fields, itself, listOf, must, text, whole, word } from './fields.ts';
import { paths } from './listener-paths.ts';
import { fitsProtocol } from './listener-protocol.ts';
import { proxyProtocolSchema } from './listener-proxy-protocol.ts';

const hcm = 'HttpConnectionManager';
const downstream = 'CommonTlsContext';
const anyAddress = '0.0.0.0';

const logTarget = text('`stdout` | `stderr` | file', 'Write `stdout`, `stderr` or the path of a file.', (written) => {
  if (written === 'stdout' || written === 'stderr') return { ok: true, value: written };
  if (/^[^\x00-\x1f\x7f]*\/[^\x00-\x1f\x7f]*[^/\x00-\x1f\x7f]$/.test(written) && written.length <= limits.pathLength) {
    return { ok: true, value: written };
  }
  const near = nearest(written, ['stdout', 'stderr']);
  const remedy = near
    ? `Did you mean \`${near}\`?`
    : 'Write `stdout`, `stderr`, or a path with a `/` in it (`./access.log`).';
  return { ok: false, fault: { detail: `${show(written)} is no target of a log.`, remedy } };
});

const logFormat = text('`json`', 'Write `json`.', (written) =>
  written === 'json'
    ? { ok: true, value: 'json' as const }
    : { ok: false, fault: notSupportedYet('An access log format other than `json`') },
).meta({ enum: ['json'] });

const accessLogObject = fields({
  format: about(logFormat.prefault('json'), 'One JSON object a line.', 'FileAccessLog.log_format'),
  to: about(
    logTarget.prefault('stdout'),
    'Where the lines go.',
    'StdoutAccessLog, StderrAccessLog or FileAccessLog.path',
  ),
  sample: about(
    percent().prefault('100%'),
    'Which share of them is logged; by the request id where there is one, so that all proxies on the way choose the same.',
    'AccessLog.filter.runtime_filter.percent_sampled',
  ),
}).transform(({ format, to, sample }) => ({ format, to, samplePercent: sample }));

/** An api listener sees no requests. */
function defaultAccessLog(protocol: ListenerSpec['protocol']): ListenerSpec['accessLog'] {
  return protocol === 'api' ? null : accessLogObject.parse({});
}

const accessLogOff = z.union([z.literal(false, { error: 'Write `off`.' }), word(['off'])]).transform(() => null);

const headerBytes = must(size(), (bytes) => {
  if (bytes >= 1024 && bytes <= limits.headerBytes && bytes % 1024 === 0) return undefined;
  return {
    detail: `${bytes} bytes is no limit of a request head.`,
    remedy: 'Write whole KiB from `1KiB` to `8192KiB`.',
  };
});

const listenerLimits = fields({
  connections: about(
    whole(1, limits.connections).prefault(10_000),
    'Connections that are open at once, of udp sessions; what comes beyond is closed, or dropped. The only limit of tcp, tls-passthrough and udp. An Envoy counts for each of several L4Routes by itself, and no sessions.',
    'ConnectionLimit.max_connections; of udp metadata under `fairlead.l4`',
  ),
  headerBytes: about(
    headerBytes.prefault('60KiB'),
    'The whole request head; over it is 431.',
    `${hcm}.max_request_headers_kb`,
    {
      'x-type': 'size',
    },
  ),
  headers: about(
    whole(1, limits.headers).prefault(100),
    'Header lines of a request; over it is 431.',
    `${hcm}.common_http_protocol_options.max_headers_count`,
  ),
  streams: about(
    whole(1, limits.streams).prefault(100),
    'Requests at a time on one HTTP/2 connection; clients are told, and what is over it is refused unread.',
    `${hcm}.http2_protocol_options.max_concurrent_streams`,
  ),
  headersTimeout: about(
    duration().prefault('10s'),
    'Until the request head is complete.',
    `${hcm}.request_headers_timeout`,
  ),
  bodyTimeout: about(
    duration().prefault('300s'),
    'Until the whole request is in; Envoy cuts the streams of gRPC by it too, our node does not.',
    `${hcm}.request_timeout`,
  ),
  idleTimeout: about(
    duration().prefault('1h'),
    'A connection without a request for so long is closed.',
    `${hcm}.common_http_protocol_options.idle_timeout`,
  ),
}).transform((written): ListenerSpec['limits'] => ({
  connections: written.connections,
  headerBytes: written.headerBytes,
  headers: written.headers,
  streams: written.streams,
  headersTimeoutMs: written.headersTimeout,
  bodyTimeoutMs: written.bodyTimeout,
  idleTimeoutMs: written.idleTimeout,
}));

const tls = fields({
  certificates: about(
    listOf(reference(), {
      least: 1,
      most: limits.certificatesPerListener,
      unique: { what: 'The Secret', key: referenceText },
    }),
    'Secrets, each `name` or `tenant/name`. A handshake is answered with the one whose certificate names its host, else with one that does so by a `*` for the first label, else with the first of all.',
    `${downstream}.tls_certificate_sds_secret_configs`,
  ),
  minVersion: about(
    word(['1.2', '1.3']).prefault('1.2'),
    'The oldest version of TLS that is spoken.',
    `${downstream}.tls_params.tls_minimum_protocol_version`,
  ),
  alpn: about(
    listOf(word(['h2', 'http/1.1']), { least: 1, unique: { what: 'The protocol', key: itself } }).prefault([
      'h2',
      'http/1.1',
    ]),
    'What is offered to clients that ask which protocol to speak, in order of preference; `h2` is HTTP/2.',
    `${downstream}.alpn_protocols`,
  ),
  client: about(
    clientCertificates.optional(),
    'Certificates of clients; endpoints are told of them in `x-forwarded-client-cert`.',
    `${downstream}.combined_validation_context, ${hcm}.forward_client_cert_details`,
    { 'x-default': 'none are asked for' },
  ),
});

function referenceText(element: unknown): string | undefined {
  if (element === null || typeof element !== 'object') return undefined;
  const { tenant, name } = element as WrittenReference;
  return tenant === undefined ? name : `${tenant}/${name}`;
}

const defaultPaths = paths.parse({});
const defaultLimits = listenerLimits.parse({});

/** What a filter makes of them, its nodes know. */
const filterSettings = z.record(z.string(), z.json(), { error: 'Write an object, as the filter wants it.' });

const filter = fields({
  name: about(name(), 'As the file says that the nodes were started with (`--filter`).', 'TypedStruct.type_url'),
  settings: about(filterSettings.prefault({}), 'What the filter wants to know.', 'TypedStruct.value'),
});

const written = fields(
  {
    groups: about(names(), 'The node groups that open it.', 'which nodes are served it'),
    address: about(address().optional(), 'Where it is bound; not for api.', 'Listener.address.socket_address.address', {
      'x-default': `\`${anyAddress}\``,
    }),
    port: about(
      whole(0, 65_535).optional(),
      '0: each node takes a free one and reports it; not for api, which has no socket.',
      'Listener.address.socket_address.port_value',
      { 'x-default': '*required*, but for api' },
    ),
    protocol: about(
      word(['http', 'https', 'tcp', 'tls-passthrough', 'udp', 'api']).prefault('http'),
      "What it speaks; `http` is HTTP/1.1, and HTTP/2 for clients that begin with it, `https` the same inside TLS. `tcp` and `udp` forward bytes and datagrams, as its L4Routes say; `tls-passthrough` forwards TLS without ending it, by the server name that the client asks for. `api`: gRPC's own xDS clients resolve `xds:///HOST` for every exact host of its routes.",
      `Listener.filter_chains: ${hcm} or TcpProxy; Listener.listener_filters: TlsInspector, UdpProxyConfig; Listener.api_listener for each host`,
    ),
    tenants: about(
      z.union([z.literal('any'), names()]).prefault('any'),
      "`any`, or the names of those whose routes may attach. The platform's own always may.",
      'which RouteConfiguration carries their routes',
      { 'x-type': '`any` | list of names' },
    ),
    accessLog: about(
      z.union([accessLogObject, accessLogOff]).optional(),
      'What is logged of every request, connection or session; `off` for nothing; not for api.',
      `${hcm}.access_log, TcpProxy.access_log, UdpProxyConfig.access_log`,
    ),
    paths: about(paths.optional(), 'How requests are cleaned before they are matched; http and https only.', `${hcm}`),
    limits: about(listenerLimits.optional(), 'What clients may take.', hcm),
    tls: about(
      tls.optional(),
      'How the connections are encrypted; https only, which needs it.',
      'FilterChain.transport_socket: DownstreamTlsContext',
    ),
    proxyProtocol: about(
      proxyProtocolSchema.optional(),
      'Who the client is, as the proxies in front say in PROXY headers; not for udp and api.',
      'Listener.listener_filters: ProxyProtocol',
      { 'x-default': '`off`' },
    ),
    filters: about(
      listOf(filter, { unique: { what: 'The filter', key: filterName } }).optional(),
      'Filters of your own, in their order, which every node of the groups must have; http and https only, and for no real Envoy.',
      `${hcm}.http_filters: TypedStruct`,
      { 'x-default': '`[]`' },
    ),
    trustedHops: about(
      whole(0, 100).optional(),
      'Proxies in front. The client is then the one that they name in `x-forwarded-for`, that many from its end; their `x-forwarded-proto`, `x-forwarded-host` and `x-request-id` are kept. 0: nobody is believed; http and https only.',
      `${hcm}.xff_num_trusted_hops, preserve_external_request_id`,
      { 'x-default': '`0`' },
    ),
  },
  { check: (listener) => fitsProtocol(listener, defaultLimits) },
);

function filterName(element: unknown): string | undefined {
  const { name: written } = (element ?? {}) as { name?: unknown };
  return typeof written === 'string' ? written : undefined;
}

export const listenerSchema: Field<ListenerSpec> = written.transform((listener) => ({
  groups: listener.groups,
  address: listener.address ?? anyAddress,
  port: listener.port ?? 0,
  protocol: listener.protocol,
  tenants: listener.tenants,
  tls:
    listener.tls === undefined
      ? null
      : {
          certificates: listener.tls.certificates,
          minVersion: listener.tls.minVersion,
          alpn: listener.tls.alpn,
          client: listener.tls.client ?? null,
        },
  accessLog: listener.accessLog === undefined ? defaultAccessLog(listener.protocol) : listener.accessLog,
  paths: listener.paths ?? defaultPaths,
  limits: listener.limits ?? defaultLimits,
  proxyProtocol: listener.proxyProtocol ?? null,
  trustedHops: listener.trustedHops ?? 0,
  filters: listener.filters ?? [],
}));
