/** Header names that the framing or the proxy must know, found without making a string. */

/** 0: any other. */
export const known = {
  other: 0,
  host: 1,
  connection: 2,
  contentLength: 3,
  transferEncoding: 4,
  keepAlive: 5,
  proxyConnection: 6,
  te: 7,
  trailer: 8,
  upgrade: 9,
  expect: 10,
  xForwardedFor: 11,
  xForwardedProto: 12,
  xForwardedHost: 13,
  xRequestId: 14,
  server: 15,
  date: 16,
  proxy: 17,
  http2Settings: 18,
  xEnvoy: 19,
  cookie: 20,
  xForwardedClientCert: 21,
  /** What tells an Envoy how to serve a request, and whether it came from inside. */
  xEnvoyControl: 22,
  /** What the first proxy says of a request. */
  xEnvoyOrigin: 23,
  method: 24,
  scheme: 25,
  authority: 26,
  path: 27,
  status: 28,
  protocol: 29,
  /** Any other name that begins with a colon. From `method` on all do: they are HTTP/2's, and no headers. */
  otherPseudo: 30,
  /** A line of HTTP/1.1 that has been taken away. */
  gone: 31,
} as const;

/** A bit for each kind of header that does not pass: `drops[kind]` is 1. */
export type Drops = Uint8Array;

export function dropsOf(kinds: readonly number[]): Drops {
  const drops = new Uint8Array(32);
  drops[known.gone] = 1;
  for (const kind of kinds) drops[kind] = 1;
  return drops;
}

const names: readonly (readonly [string, number])[] = [
  ['te', known.te],
  ['host', known.host],
  ['date', known.date],
  ['proxy', known.proxy],
  ['expect', known.expect],
  ['server', known.server],
  ['cookie', known.cookie],
  ['upgrade', known.upgrade],
  ['trailer', known.trailer],
  ['connection', known.connection],
  ['keep-alive', known.keepAlive],
  ['x-request-id', known.xRequestId],
  ['content-length', known.contentLength],
  ['http2-settings', known.http2Settings],
  ['x-forwarded-for', known.xForwardedFor],
  ['proxy-connection', known.proxyConnection],
  ['x-forwarded-host', known.xForwardedHost],
  ['x-forwarded-proto', known.xForwardedProto],
  ['transfer-encoding', known.transferEncoding],
  ['x-forwarded-client-cert', known.xForwardedClientCert],
];
const envoyNames: readonly (readonly [string, number])[] = [
  ...[
    ...['expected-rq-timeout-ms', 'force-trace', 'hedge-on-per-try-timeout', 'internal', 'ip-tags', 'max-retries'],
    ...['retriable-header-names', 'retriable-status-codes', 'retry-grpc-on', 'retry-on', 'upstream-alt-stat-name'],
    ...['upstream-rq-per-try-timeout-ms', 'upstream-rq-timeout-alt-response', 'upstream-rq-timeout-ms'],
    'upstream-stream-duration-ms',
  ].map((name) => [`x-envoy-${name}`, known.xEnvoyControl] as const),
  ...[
    ...['decorator-operation', 'downstream-service-cluster', 'downstream-service-node', 'external-address'],
    ...['original-host', 'original-path'],
  ].map((name) => [`x-envoy-${name}`, known.xEnvoyOrigin] as const),
];
const longestName = 23;
/** Candidates by length and first letter; hardly ever more than one. */
const candidatesAt: (readonly (readonly [string, number])[])[] = new Array((longestName + 1) * 128).fill([]);
for (const [name] of names) {
  candidatesAt[placeOf(name.length, name.charCodeAt(0))] = names.filter(
    ([other]) => other.length === name.length && other[0] === name[0],
  );
}

function placeOf(length: number, first: number): number {
  return length * 128 + first;
}

const byName: ReadonlyMap<string, number> = new Map([
  ...names,
  ...envoyNames,
  [':method', known.method],
  [':scheme', known.scheme],
  [':protocol', known.protocol],
  [':authority', known.authority],
  [':path', known.path],
  [':status', known.status],
]);

/** Kind of the lower-case name in `b[start, start + length)`. */
export function kindAt(b: Uint8Array, start: number, length: number): number {
  if (length <= longestName) {
    const candidates = candidatesAt[placeOf(length, b[start]! & 127)]!;
    for (let k = 0; k < candidates.length; k++) {
      const candidate = candidates[k]!;
      if (startsWith(b, start, candidate[0])) return candidate[1];
    }
  }
  if (length <= 8 || b[start] !== 120 || !startsWith(b, start, 'x-envoy-')) return known.other;
  for (const [name, kind] of envoyNames) if (name.length === length && startsWith(b, start, name)) return kind;
  return known.xEnvoy;
}

/** Kind of a lower-case name. */
export function kindOf(name: string): number {
  const kind = byName.get(name);
  if (kind !== undefined) return kind;
  if (name.startsWith('x-envoy-')) return known.xEnvoy;
  return name.startsWith(':') ? known.otherPseudo : known.other;
}

export function startsWith(b: Uint8Array, start: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (b[start + i] !== text.charCodeAt(i)) return false;
  return true;
}
