import { expect, test } from 'vitest';
import { compileAccessLog, compileText } from './access-log.ts';
import { emptyLogEntry } from './empty-log-entry.ts';
import type { LogEntry } from './log-entry.ts';

const entry: LogEntry = {
  startMs: Date.UTC(2026, 10, 21, 12, 55, 56, 361),
  durationMs: 12.9,
  upstreamServiceMs: 7.2,
  method: 'GET',
  path: '/api?x=1',
  authority: 'shop.example.com',
  protocol: 'HTTP/1.1',
  status: 503,
  grpcStatus: 14,
  flags: 'UF',
  details: 'upstream_reset_before_response_started{connection_failure}',
  bytesReceived: 3,
  bytesSent: 98,
  upstreamHost: '127.0.0.1:9001',
  upstreamCluster: 'checkout/orders',
  routeName: 'checkout/orders',
  requestId: 'id-1',
  downstreamAddress: '127.0.0.1:4000',
  downstreamIp: '127.0.0.1',
  directAddress: '127.0.0.1:4000',
  localAddress: '127.0.0.1:8080',
  streamId: '',
  requestedServerName: '',
  proxyTlvs: null,
  requestHeaders: [],
};
/** A TCP connection that reached no cluster. */
const empty: LogEntry = { ...emptyLogEntry(), durationMs: 12.9, bytesReceived: 3, bytesSent: 98 };

function text(format: string, of: LogEntry): string {
  return compileAccessLog({ path: '/dev/null', format: { type: 'text', text: format } }).format(of);
}

function json(fields: Record<string, unknown>, of: LogEntry, headers: string[] = []): string {
  return compileAccessLog({ path: '/dev/null', format: { type: 'json', fields } }, headers).format(of);
}

test('text holds each value as it is', () => {
  const format =
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH):4% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
    '%RESPONSE_CODE_DETAILS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% [%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%] %UPSTREAM_HOST% ' +
    '%UPSTREAM_CLUSTER% %ROUTE_NAME% %REQ(:AUTHORITY)% %REQ(X-REQUEST-ID)% %DOWNSTREAM_REMOTE_ADDRESS% ' +
    '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_ADDRESS% %GRPC_STATUS% %GRPC_STATUS_NUMBER% 5%%\n';
  expect(text(format, entry)).toBe(
    '[2026-11-21T12:55:56.361Z] "GET /api HTTP/1.1" 503 UF ' +
      'upstream_reset_before_response_started{connection_failure} 3 98 12 [7] 127.0.0.1:9001 ' +
      'checkout/orders checkout/orders shop.example.com id-1 127.0.0.1:4000 127.0.0.1 127.0.0.1:8080 Unavailable 14 5%\n',
  );
});

test('in text a missing value is a dash', () => {
  const format =
    '%REQ(:METHOD)% %PROTOCOL% %RESPONSE_CODE% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% %UPSTREAM_HOST% %REQ(X-A):3% %GRPC_STATUS%';
  expect(text(format, empty)).toBe('- - 0 - - - -');
});

test('JSON is as Envoy writes it: sorted keys, numbers where an operator is one, null where there is no value', () => {
  const fields = {
    zeta: '%UPSTREAM_HOST%',
    alpha: '%RESPONSE_CODE%',
    mixed: 'code=%RESPONSE_CODE% up=%UPSTREAM_HOST% 100%%',
    svc: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
    nested: { b: '%BYTES_SENT%', a: ['%BYTES_RECEIVED%', true, null, []] },
    plain: 'text " x',
    num: 12,
    empty: '',
    dur: '%DURATION%',
    flags: '%RESPONSE_FLAGS%',
    none: {},
  };
  expect(json(fields, entry)).toBe(
    '{"alpha":503,"dur":12,"empty":"","flags":"UF","mixed":"code=503 up=127.0.0.1:9001 100%","nested":{"a":[3,true,null,[]],"b":98},' +
      '"none":{},"num":12,"plain":"text \\" x","svc":"7","zeta":"127.0.0.1:9001"}\n',
  );
  expect(json(fields, empty)).toBe(
    '{"alpha":0,"dur":12,"empty":"","flags":"-","mixed":"code=0 up=- 100%","nested":{"a":[3,true,null,[]],"b":98},' +
      '"none":{},"num":12,"plain":"text \\" x","svc":null,"zeta":null}\n',
  );
});

test('what a client sends cannot break out of its JSON string', () => {
  const hostile = ['"', '\\', '\n', '\0', '\x7f', '"}\n{"a":"', '\u2028', 'é\xff', '\\"'];
  const fields = { alone: '%REQ(X-A)%', inside: '<%REQ(X-A)%>', path: '%REQ(:PATH)%' };
  for (const value of hostile) {
    const line = json(fields, { ...entry, path: value, requestHeaders: [value] });
    expect(JSON.parse(line)).toEqual({ alone: value, inside: `<${value}>`, path: value });
    expect(line.indexOf('\n')).toBe(line.length - 1);
  }
});

test('UTF-8 in a header, read as Latin-1, is shown as what it says', () => {
  const bytes = Buffer.from('café ☕', 'utf8').toString('latin1');
  expect(JSON.parse(json({ a: '%REQ(X-A)%' }, { ...entry, requestHeaders: [bytes] }))).toEqual({ a: 'café ☕' });
});

test('the logs of a listener share one list of headers', () => {
  const headers: string[] = [];
  const first = compileAccessLog(
    { path: 'a', format: { type: 'text', text: '%REQ(User-Agent)% %REQ(X-A?X-B)%' } },
    headers,
  );
  const second = compileAccessLog(
    { path: 'b', format: { type: 'json', fields: { b: '%REQ(x-b)%', h: '%REQ(HOST)%' } } },
    headers,
  );
  expect(headers).toEqual(['user-agent', 'x-a', 'x-b']);
  const of = { ...entry, requestHeaders: ['curl', '', 'bee'] };
  expect(first.format(of)).toBe('curl bee');
  expect(second.format(of)).toBe('{"b":"bee","h":"shop.example.com"}\n');
});

test('the start is written to the millisecond, also across seconds', () => {
  for (const ms of [0, 1, 999, 1000, 61_001, 1_795_265_756_361]) {
    expect(text('%START_TIME%', { ...entry, startMs: ms + 0.9 })).toBe(new Date(ms).toISOString());
  }
});

test('a format that decode would refuse does not compile', () => {
  expect(() => text('%NOPE%', entry)).toThrow('%NOPE% is not a known operator');
});

const arrived: LogEntry = {
  ...entry,
  directAddress: '[2001:db8::1]:50000',
  localAddress: '[2001:db8::2]:443',
  streamId: 'stream-1',
  requestedServerName: 'shop.example.com',
  proxyTlvs: new Map([['unique_id', 'unique-1']]),
};
const kept = (name: string, length = ''): string =>
  `%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:${name})${length}%`;

test('how a connection came is written as Envoy writes it', () => {
  const format = `%STREAM_ID% %REQUESTED_SERVER_NAME% %DOWNSTREAM_LOCAL_PORT% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS% ${kept('unique_id')} ${kept('unique_id', ':3')}`;
  expect(text(format, arrived)).toBe('stream-1 shop.example.com 443 [2001:db8::1]:50000 unique-1 uni');
  expect(text(format, empty)).toBe('- - - - - -');
  const fields = { id: '%STREAM_ID%', name: '%REQUESTED_SERVER_NAME%', port: '%DOWNSTREAM_LOCAL_PORT%' };
  const all = { ...fields, tlv: kept('unique_id'), other: kept('authority') };
  expect(JSON.parse(json(all, arrived))).toEqual({
    ...{ id: 'stream-1', name: 'shop.example.com', port: 443, tlv: 'unique-1', other: null },
  });
  expect(JSON.parse(json(fields, empty))).toEqual({ id: null, name: null, port: null });
});

test('the same TLV has two names, as with Envoy', () => {
  expect(text('%FILTER_STATE(envoy.network.proxy_protocol.tlv:FIELD:unique_id):6%', arrived)).toBe('unique');
});

test("the id of a request's stream is the request's", () => {
  expect(text('%STREAM_ID%', entry)).toBe('id-1');
});

test('a TLV breaks no line of text, and is hashed as it is', () => {
  const wild = { ...arrived, proxyTlvs: new Map([['unique_id', 'a\nb\x1b[2J\x9b']]), requestedServerName: 'x\r\ny' };
  expect(text(`${kept('unique_id')} %REQUESTED_SERVER_NAME%\n`, wild)).toBe('a?b?[2J? x??y\n');
  expect(compileText(kept('unique_id')).format(wild)).toBe('a\nb\x1b[2J\x9b');
  const line = json({ a: kept('unique_id') }, wild);
  expect(line.indexOf('\n')).toBe(line.length - 1);
});

test('who reads the id of a stream is known beforehand', () => {
  const logOf = (text: string) => compileAccessLog({ path: 'a', format: { type: 'text', text } });
  expect([logOf('%STREAM_ID%').readsStreamId, logOf('%PROTOCOL%').readsStreamId]).toEqual([true, false]);
  expect([compileText('a-%STREAM_ID%').readsStreamId, compileText('a').readsStreamId]).toEqual([true, false]);
});
