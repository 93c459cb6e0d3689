/** Endpoints that are told of each client before its first byte. */
import { once } from 'node:events';
import type net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { readTold, type Told } from '../codec/proxy-reading-testing.ts';
import type { Arrival } from '../model/arrival.ts';
import type { ProxyHeaderConfig } from '../model/config.ts';
import { clusterOf } from '../testing.ts';
import { deadPort, readAll, startEndpoint, startTcpProxy, type TcpProxyOptions } from './testing.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const second: ProxyHeaderConfig = { version: 2, passTlvs: 'all', tlvs: [] };
const idTlv = { type: 5, value: { format: '%STREAM_ID%' } };

interface Options extends Partial<Omit<TcpProxyOptions, 'clusters'>> {
  readonly header?: ProxyHeaderConfig;
  /** In front of the endpoint. */
  readonly dead?: readonly number[];
}

async function start({ header = second, dead = [], ...rest }: Options = {}) {
  const endpoint = await startEndpoint();
  stops.push(endpoint.stop);
  const cluster = clusterOf([...dead, endpoint.port], { protocol: 'tcp', proxyHeader: header });
  const proxy = await startTcpProxy({ clusters: [cluster], ...rest });
  stops.push(proxy.stop);
  return { endpoint, proxy };
}

/** As soon as it is whole and `rest` stands behind it. */
async function toldTo(socket: net.Socket, rest: string): Promise<Told> {
  let all = Buffer.alloc(0);
  socket.resume();
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    all = Buffer.concat([all, chunk]);
    const told = readTold(all);
    if (told !== null && told.rest.length >= rest.length) return told;
  }
}

const arrival: Arrival = {
  ...{ remoteAddress: '2001:db8::7', remotePort: 4711, localAddress: '2001:db8::1', localPort: 443 },
  ...{ directAddress: '10.0.0.2', directPort: 50_000, serverName: 'shop.example.com', alpn: [], proxyTlvs: null },
  rawTlvs: [{ type: 0xe0, value: Buffer.from('own') }],
};

describe.each([
  ['lean sockets', false],
  ['documented interfaces', true],
])('by %s', (_, documentedOnly) => {
  test('the header comes first, and what the client has sent by then with it', async () => {
    const { endpoint, proxy } = await start({ documentedOnly });
    const client = proxy.connect();
    client.write('early');
    const server = await endpoint.sockets.nth(0);
    const told = await toldTo(server, 'early');
    expect(told).toEqual({ who: `127.0.0.1:${client.localPort} 127.0.0.1:${proxy.port}`, tlvs: [], rest: 'early' });
    const late = readAll(server);
    client.end('late');
    expect((await late).toString()).toBe('late');
    server.end('answer');
    expect((await readAll(client)).toString()).toBe('answer');
    // the header is nobody's traffic
    expect(await proxy.log.nth(0)).toMatchObject({ bytesReceived: 9, bytesSent: 6 });
  });

  test('an endpoint that speaks first has it as well, and so has one whose client ends at once', async () => {
    const { endpoint, proxy } = await start({ header: { ...second, version: 1 }, documentedOnly });
    const client = proxy.connect();
    const server = await endpoint.sockets.nth(0);
    const who = `127.0.0.1:${client.localPort} 127.0.0.1:${proxy.port}`;
    expect(await toldTo(server, '')).toEqual({ who, tlvs: [], rest: '' });
    server.write('220 hello');
    const [hello] = (await once(client, 'data')) as [Buffer];
    expect(hello.toString()).toBe('220 hello');
    const brief = proxy.connect();
    brief.end();
    const other = await readAll(await endpoint.sockets.nth(1));
    expect(readTold(other)?.rest).toBe('');
  });
});

test('the client is who its own header has told of, and its TLVs go on with those of the listener', async () => {
  const { endpoint, proxy } = await start({
    arrival,
    header: { ...second, tlvs: [{ type: 2, value: { format: '%REQUESTED_SERVER_NAME%' } }] },
    chain: { proxyTlvs: [idTlv] },
  });
  const client = proxy.connect();
  const server = await endpoint.sockets.nth(0);
  const told = await toldTo(server, '');
  const who = '2001:db8:0:0:0:0:0:7:4711 2001:db8:0:0:0:0:0:1:443';
  expect(told).toEqual({ who, tlvs: ['2=shop.example.com', '5=id-1', 'e0=own'], rest: '' });
  client.end();
  server.end();
  // the same id joins the logs of both tiers
  expect(await proxy.log.nth(0)).toMatchObject({
    ...{ streamId: 'id-1', downstreamAddress: '[2001:db8::7]:4711', directAddress: '10.0.0.2:50000' },
  });
});

test('a session has an id of its own, and only where somebody asks for one', async () => {
  const ids = async (proxyTlvs: (typeof idTlv)[], header: ProxyHeaderConfig): Promise<string[]> => {
    const { endpoint, proxy } = await start({ chain: { proxyTlvs }, header });
    const sessions = [0, 1].map(async (index) => {
      proxy.connect().end();
      (await endpoint.sockets.nth(index)).resume().end();
    });
    await Promise.all(sessions);
    return (await proxy.log.first(2)).map(({ streamId }) => streamId).sort();
  };
  expect(await ids([idTlv], second)).toEqual(['id-1', 'id-2']);
  expect(await ids([], second)).toEqual(['', '']);
  expect(await ids([idTlv], { ...second, version: 1 })).toEqual(['', '']);
});

test('an endpoint that is tried after another one gets the header once', async () => {
  const { endpoint, proxy } = await start({ dead: [deadPort()] });
  const client = proxy.connect();
  client.write('x');
  const told = await toldTo(await endpoint.sockets.nth(0), 'x');
  expect(told.rest).toBe('x');
  expect(told.who).toContain(`:${client.localPort} `);
});
