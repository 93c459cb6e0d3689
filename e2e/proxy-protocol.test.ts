/** PROXY headers beside a real Envoy's: what it makes of those that we read, and of those that we write. */
import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProxyAddresses } from '../data-plane/codec/proxy-protocol.ts';
import {
  bytesOf,
  hostileHeaders,
  hostileLines,
  type ProxyCase,
  published,
  tlv,
  v2,
} from '../data-plane/codec/proxy-protocol-testing.ts';
import { startTcpProxy } from '../data-plane/l4/testing.ts';
import type { Arrival } from '../data-plane/model/arrival.ts';
import type { ProxyHeaderConfig, ProxyTlvConfig } from '../data-plane/model/config.ts';
import { startProxy, talk } from '../data-plane/proxy-testing.ts';
import { emptyLogEntry } from '../data-plane/telemetry/empty-log-entry.ts';
import { clusterOf } from '../data-plane/testing.ts';
import { compiledTlvs, ProxyHeaders } from '../data-plane/upstream/proxy-headers.ts';
import { type RunningEnvoy, startEnvoy } from './support/envoy.ts';
import { requirePeer } from './support/peers.ts';

const extensions = 'type.googleapis.com/envoy.extensions';
const any = (name: string, message: string, fields: object) => ({
  name,
  typed_config: { '@type': `${extensions}.${message}`, ...fields },
});
const address = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });
const passAll = { match_type: 'INCLUDE_ALL' };

const readsHeaders = any('envoy.filters.listener.proxy_protocol', 'filters.listener.proxy_protocol.v3.ProxyProtocol', {
  rules: [{ tlv_type: 5, on_tlv_present: { key: 'unique_id' } }],
  tlv_location: 'FILTER_STATE',
  pass_through_tlvs: passAll,
});

const seen =
  '%DOWNSTREAM_REMOTE_ADDRESS% > %DOWNSTREAM_LOCAL_ADDRESS% id=%FILTER_STATE(envoy.network.proxy_protocol.tlv:FIELD:unique_id)%';

/** Answers whom it takes for its client. */
const telling = (name: string, headerTimeout: string) => ({
  name,
  address: address(0),
  listener_filters_timeout: headerTimeout,
  listener_filters: [readsHeaders],
  filter_chains: [
    {
      filters: [
        any('hcm', 'filters.network.http_connection_manager.v3.HttpConnectionManager', {
          stat_prefix: name,
          use_remote_address: true,
          delayed_close_timeout: '0s',
          http_filters: [any('envoy.filters.http.router', 'filters.http.router.v3.Router', {})],
          route_config: {
            virtual_hosts: [
              {
                name: 'all',
                domains: ['*'],
                routes: [
                  {
                    match: { prefix: '/' },
                    direct_response: { status: 200 },
                    response_headers_to_add: [{ header: { key: 'x-seen', value: seen } }],
                  },
                ],
              },
            ],
          },
        }),
      ],
    },
  ],
});

const raw = any('raw', 'transport_sockets.raw_buffer.v3.RawBuffer', {});

function writingCluster(name: string, port: number, config: object) {
  const socket = { config, transport_socket: raw };
  return {
    name,
    type: 'STATIC',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }],
    },
    transport_socket: any('pp', 'transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport', socket),
  };
}

/** Forwards TCP, and tells the endpoint of the client. */
function writing(cluster: string, tlvs: readonly object[] = []) {
  const proxy = {
    stat_prefix: cluster,
    cluster,
    proxy_protocol_tlvs: tlvs,
    proxy_protocol_tlv_merge_policy: 'OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD',
  };
  return {
    name: cluster,
    address: address(0),
    listener_filters: [readsHeaders],
    filter_chains: [{ filters: [any('tcp', 'filters.network.tcp_proxy.v3.TcpProxy', proxy)] }],
  };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const bytes = (type: number, text: string): ProxyTlvConfig => ({ type, value: { bytes: Buffer.from(text) } });
const none = { passTlvs: [], tlvs: [] } as const;

interface Written {
  readonly header: ProxyHeaderConfig;
  readonly own: readonly ProxyTlvConfig[];
  readonly envoy: object;
  readonly envoyOwn?: readonly object[];
}

/** The same, ours and Envoy's. */
const writers: Readonly<Record<string, Written>> = {
  lines: { header: { version: 1, ...none }, own: [], envoy: { version: 'V1' } },
  headers: { header: { version: 2, ...none }, own: [], envoy: { version: 'V2' } },
  passing: {
    header: { version: 2, passTlvs: 'all', tlvs: [bytes(0xe1, 'abc'), bytes(0xe2, 'cluster')] },
    own: [bytes(0xe3, 'def'), bytes(5, 'ours'), bytes(0xe2, 'listener')],
    envoy: {
      version: 'V2',
      pass_through_tlvs: passAll,
      added_tlvs: [
        { type: 0xe1, value: base64('abc') },
        { type: 0xe2, value: base64('cluster') },
      ],
    },
    envoyOwn: [
      { type: 0xe3, value: base64('def') },
      { type: 5, value: base64('ours') },
      { type: 0xe2, value: base64('listener') },
    ],
  },
  some: {
    header: { version: 2, passTlvs: [5, 0xe0], tlvs: [] },
    own: [],
    envoy: { version: 'V2', pass_through_tlvs: { match_type: 'INCLUDE', tlv_type: [5, 0xe0] } },
  },
};

describe.skipIf(requirePeer('envoy') === undefined)('beside Envoy', () => {
  let envoy: RunningEnvoy;
  const endpoint = net.createServer((socket) => socket.on('error', () => {}));
  const stops: (() => unknown)[] = [];

  beforeAll(async () => {
    endpoint.listen(0, '127.0.0.1');
    await once(endpoint, 'listening');
    const { port } = endpoint.address() as net.AddressInfo;
    const all = Object.entries(writers);
    envoy = await startEnvoy({
      bootstrap: {
        static_resources: {
          clusters: all.map(([name, { envoy: config }]) => writingCluster(name, port, config)),
          listeners: [
            telling('telling', '30s'),
            telling('hasty', '0.3s'),
            ...all.map(([name, { envoyOwn = [] }]) => writing(name, envoyOwn)),
          ],
        },
      },
      logLevel: 'error',
    });
  });

  afterAll(async () => {
    for (const stop of stops.reverse()) await stop();
    await envoy?.stop();
    endpoint.close();
  });

  const request = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  const seenIn = (answer: string): string => /\r\nx-seen: (.*)\r\n/.exec(answer)?.[1] ?? 'refused';

  /** In the words of the cases. */
  async function envoySays(port: number, { bytes: header }: ProxyCase): Promise<string> {
    const answer = await talk(port, Buffer.concat([header, request]), () => false);
    const who = seenIn(answer).replace(/ [^ ]*$/, '');
    if (who === 'refused' || answer === '') return 'refused';
    return who.endsWith(`> 127.0.0.1:${port}`) ? 'peer' : who;
  }

  /** Of ours as the tables have it, but for what Envoy does not tell. */
  function expected({ verdict, envoy: theirs }: ProxyCase): string {
    if (theirs !== undefined) return theirs.replace(/ [0-9a-f]{2}=.*$/, '');
    if (typeof verdict !== 'string' || verdict === 'none') return 'refused';
    return verdict.replace(/ [0-9a-f]{2}=.*$/, '');
  }

  test('Envoy makes of each header what our reader makes of it, but for what the tables say', async () => {
    const [port, hasty] = [await envoy.listenerPort('telling'), await envoy.listenerPort('hasty')];
    const cases = [...published, ...hostileLines, ...hostileHeaders].filter(({ verdict }) => verdict !== 'more');
    const found: Record<string, string> = {};
    await Promise.all(
      cases.map(async (one) => {
        // some of those that are refused it would wait for; of the others each has the time that a busy machine takes
        found[one.name] = await envoySays(expected(one) === 'refused' ? hasty : port, one);
      }),
    );
    expect(found).toEqual(Object.fromEntries(cases.map((one) => [one.name, expected(one)])));
  });

  const arrivalOf = (addresses: ProxyAddresses, rawTlvs: Arrival['rawTlvs']): Arrival => ({
    ...{ remoteAddress: addresses.source, remotePort: addresses.sourcePort },
    ...{ localAddress: addresses.destination, localPort: addresses.destinationPort },
    ...{ directAddress: '127.0.0.1', directPort: 1, serverName: '', alpn: [], proxyTlvs: null, rawTlvs },
  });
  const tlvs = [
    { type: 0xe0, value: Buffer.from([1, 2]) },
    { type: 5, value: Buffer.from('the-id') },
    { type: 0xe2, value: Buffer.from('client') },
    { type: 0xe0, value: Buffer.from('again') },
  ];
  const block = tlvs.map(({ type, value }) => tlv(type, value.toString('hex'))).join('');

  test.each(Object.keys(writers))('our headers are as Envoy writes them: %s', async (name) => {
    const { header, own } = writers[name]!;
    const headers = new ProxyHeaders(header);
    const port = await envoy.listenerPort(name);
    for (const [family, hex, addresses] of [
      ['2111', '01020304 00010102 0305 0002', { source: '1.2.3.4', destination: '0.1.1.2' }],
      [
        '2121',
        '20010db8000000000000000000000007 00010100020000030000000000000000 0305 0002',
        { source: '2001:db8::7', destination: '1:100:200:3::' },
      ],
      [
        '2121',
        '00000000000000000000ffff01020304 00000000000000000000ffff05060708 0305 0002',
        { source: '::ffff:1.2.3.4', destination: '::ffff:5.6.7.8' },
      ],
    ] as const) {
      const came = v2(family, bytesOf(hex).toString('hex') + block);
      const connection = once(endpoint, 'connection');
      const client = net.connect(port, '127.0.0.1');
      client.on('error', () => {});
      stops.push(() => client.destroy());
      client.write(Buffer.concat([came, Buffer.from('x')]));
      const [socket] = (await connection) as [net.Socket];
      let received = '';
      for await (const chunk of socket) {
        received += (chunk as Buffer).toString('latin1');
        if (received.endsWith('x')) break;
      }
      const ours = headers.headerOf(
        arrivalOf({ ...addresses, sourcePort: 773, destinationPort: 2 }, tlvs),
        emptyLogEntry(),
        compiledTlvs(own),
      );
      expect(received).toBe(`${ours.toString('latin1')}x`);
    }
  });

  test.each([1, 2] as const)('Envoy takes the client of our proxies from headers of version %i', async (version) => {
    const target = await envoy.listenerPort('telling');
    const proxyHeader: ProxyHeaderConfig = { version, passTlvs: 'all', tlvs: [] };
    const id = { type: 5, value: { format: '%STREAM_ID%' } };
    const tcp = await startTcpProxy({
      clusters: [clusterOf([target], { protocol: 'tcp', proxyHeader })],
      chain: { proxyTlvs: [id] },
    });
    const http = await startProxy({ cluster: clusterOf([target], { proxyHeader }) });
    stops.push(tcp.stop, http.stop);
    for (const [port, unique] of [
      [tcp.port, version === 2 ? 'id-1' : ''],
      [http.port, ''],
    ] as const) {
      const client = net.connect(port, '127.0.0.1');
      await once(client, 'connect');
      const from = `127.0.0.1:${client.localPort} > 127.0.0.1:${port}`;
      client.write(request);
      let answer = '';
      for await (const chunk of client) answer += String(chunk);
      expect(seenIn(answer)).toBe(`${from} id=${unique}`);
    }
  });
});
