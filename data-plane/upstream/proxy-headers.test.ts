import { expect, test } from 'vitest';
import { readTold } from '../codec/proxy-reading-testing.ts';
import type { Arrival } from '../model/arrival.ts';
import type { ProxyHeaderConfig, ProxyTlvConfig } from '../model/config.ts';
import { emptyLogEntry } from '../telemetry/empty-log-entry.ts';
import type { LogEntry } from '../telemetry/log-entry.ts';
import { compiledTlvs, ProxyHeaders } from './proxy-headers.ts';

const bytes = (type: number, value: string): ProxyTlvConfig => ({ type, value: { bytes: Buffer.from(value) } });
const text = (type: number, format: string): ProxyTlvConfig => ({ type, value: { format } });
const raw = (type: number, value: string) => ({ type, value: Buffer.from(value, 'latin1') });

const arrival: Arrival = {
  ...{ remoteAddress: '1.2.3.4', remotePort: 773, localAddress: '0.1.1.2', localPort: 2 },
  ...{ directAddress: '10.0.0.1', directPort: 1, serverName: 'shop.example.com', alpn: [] },
  proxyTlvs: new Map([['unique_id', 'the-\xe9\0id']]),
  rawTlvs: [raw(0xe0, '\x01\x02'), raw(5, 'the-id'), raw(3, 'crc!'), raw(0xe0, 'again')],
};
const entry: LogEntry = { ...emptyLogEntry(), streamId: 'stream-1', requestedServerName: 'shop.example.com' };

interface Made {
  readonly own?: readonly ProxyTlvConfig[];
  readonly of?: Arrival;
  readonly entry?: LogEntry;
}

function tlvsOf(config: Partial<ProxyHeaderConfig>, made: Made = {}): readonly string[] | undefined {
  const headers = new ProxyHeaders({ version: 2, passTlvs: [], tlvs: [], ...config });
  return readTold(headers.headerOf(made.of ?? arrival, made.entry ?? entry, compiledTlvs(made.own ?? [])))?.tlvs;
}

test("the client's own TLVs go on as the cluster says, its checksum in no case", () => {
  expect(tlvsOf({})).toEqual([]);
  expect(tlvsOf({ passTlvs: [5, 3] })).toEqual(['5=the-id']);
  expect(tlvsOf({ passTlvs: 'all' })).toEqual(['e0=\x01\x02', '5=the-id', 'e0=again']);
});

test("as with Envoy the cluster's come first, then the listener's, then the client's, each type from one of them", () => {
  const tlvs = [bytes(0xe1, 'abc'), text(2, '%REQUESTED_SERVER_NAME%')];
  const own = [bytes(0xe3, 'def'), text(5, '%STREAM_ID%')];
  expect(tlvsOf({ passTlvs: 'all', tlvs }, { own })).toEqual([
    ...['e1=abc', '2=shop.example.com', 'e3=def', '5=stream-1', 'e0=\x01\x02', 'e0=again'],
  ]);
  expect(tlvsOf({ passTlvs: 'all', tlvs: [bytes(5, 'abc')] }, { own })).toEqual([
    ...['5=abc', 'e3=def', 'e0=\x01\x02', 'e0=again'],
  ]);
  // what the cluster lets through holds for the listener's as well
  expect(tlvsOf({ passTlvs: [5] }, { own })).toEqual(['5=stream-1']);
});

test('a text without a value is left out, one among others is a dash; bytes stay what they were', () => {
  const tlvs = [
    text(2, '%REQUESTED_SERVER_NAME%'),
    text(0xe1, 'to %REQUESTED_SERVER_NAME%'),
    text(0xe2, '%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:unique_id)%é'),
  ];
  const kept = { ...emptyLogEntry(), proxyTlvs: arrival.proxyTlvs };
  expect(tlvsOf({ tlvs }, { entry: kept })).toEqual(['e1=to -', 'e2=the-\xe9\0id\xc3\xa9']);
});

test('a unique id has no more than 128 bytes', () => {
  const long = { ...entry, streamId: 'x'.repeat(200) };
  expect(tlvsOf({ tlvs: [text(5, '%STREAM_ID%')] }, { entry: long })).toEqual([`5=${'x'.repeat(128)}`]);
});

test('the id of a stream is asked for where it is said', () => {
  const reads = (version: 1 | 2, tlvs: readonly ProxyTlvConfig[], own: readonly ProxyTlvConfig[]) =>
    new ProxyHeaders({ version, passTlvs: 'all', tlvs }).readsStreamId(compiledTlvs(own));
  const id = [text(5, '%STREAM_ID%')];
  expect([reads(2, id, []), reads(2, [], id), reads(2, [], []), reads(1, id, id)]).toEqual([true, true, false, false]);
});
