/** A drain as the clients of a listener see it, over real sockets: nothing that they have sent is lost. */
import net from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { frameTypes as types } from '../../proto/http2/frames.ts';
import { frame, uint32 } from '../../proto/http2/testing/raw-peer.ts';
import { startProxy, startRawUpstream } from '../proxy-testing.ts';
import { SoftDrain } from '../runtime/soft-drain.ts';
import { clusterOf, routeOf } from '../testing.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const close = 'connection: close\r\n';
const get = (path = '/'): string => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`;

class Client {
  text = '';
  ended = false;
  readonly socket: net.Socket;

  constructor(port: number) {
    this.socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.ended = true;
    });
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** For each answer, all of which end with `ok`: whether it says that the connection ends with it. */
  get closes(): boolean[] {
    return this.text
      .split(/(?<=\r\n\r\n(?:ok)?)(?=HTTP)/)
      .filter((one) => one.endsWith('ok'))
      .map((one) => one.includes(close));
  }

  async answers(count: number): Promise<boolean[]> {
    await until(() => this.closes.length >= count || this.ended);
    return this.closes;
  }
}

/** @param hold no request is answered but by the test */
async function start({ hold = false } = {}) {
  /** Of each request that its endpoint has to its end. */
  const asked: net.Socket[] = [];
  const upstream = await startRawUpstream((socket, all) => {
    const last = all
      .toString('latin1')
      .split(/(?=GET |POST )/)
      .at(-1)!;
    const bytes = Number(/content-length: (\d+)/.exec(last)?.[1] ?? 0);
    if (last.length - last.indexOf('\r\n\r\n') - 4 !== bytes) return;
    asked.push(socket);
    if (!hold) socket.write(ok);
  });
  const routes = [routeOf('c', { upgrades: [{ type: 'websocket', enabled: true }] })];
  const proxy = await startProxy({ cluster: clusterOf([upstream.port]), routes });
  const { server, clock, shared } = proxy;
  const clients: Client[] = [];
  closers.push(async () => {
    for (const { socket } of clients) socket.destroy();
    await proxy.stop();
    await upstream.stop();
    expect(proxy.faults).toEqual([]);
  });
  const connections = () => [server.connections];
  const soft = new SoftDrain({ ...shared, connections, setTimer: clock.setTimer });
  return {
    proxy,
    asked,
    connect: async (bytes: string | Buffer = '') => {
      const client = new Client(proxy.port);
      const before = server.stats.cxTotal.value;
      clients.push(client);
      if (bytes !== '') client.send(bytes);
      await until(() => server.stats.cxTotal.value > before);
      return client;
    },
    drain: (timeoutMs = 60_000) => {
      server.draining = true;
      soft.begin(timeoutMs);
    },
    undrain: () => {
      server.draining = false;
      soft.end();
    },
  };
}

/** What is underway between two sockets has arrived, as far as one can know. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await turn();
}

describe('HTTP/1.1, drained softly', () => {
  test('whoever asks is answered and told to go, who is silent is left alone, and new ones are served', async () => {
    const { drain, connect } = await start();
    const [busy, idle] = [await connect(get()), await connect(get())];
    expect([await busy.answers(1), await idle.answers(1)]).toEqual([[false], [false]]);
    drain();
    busy.send(get());
    expect(await busy.answers(2)).toEqual([false, true]);
    await until(() => busy.ended);
    expect(idle.ended).toBe(false);
    idle.send(get());
    expect(await idle.answers(2)).toEqual([false, true]);
    const late = await connect(get());
    expect(await late.answers(1)).toEqual([true]);
    await until(() => idle.ended && late.ended);
  });

  test('an answer under way says so as long as its head is to be sent; one whose head is out ends as it began', async () => {
    const { drain, connect, asked } = await start({ hold: true });
    const first = await connect(get());
    await until(() => asked.length === 1);
    const second = await connect(get());
    await until(() => asked.length === 2);
    asked[1]!.write(ok.slice(0, -1));
    await until(() => second.text.endsWith('\r\n\r\no'));
    drain();
    asked[0]!.write(ok);
    asked[1]!.write('k');
    expect([await first.answers(1), await second.answers(1)]).toEqual([[true], [false]]);
    await until(() => first.ended);
    second.send(get());
    await until(() => asked.length === 3);
    asked[2]!.write(ok);
    expect(await second.answers(2)).toEqual([false, true]);
  });

  test('taken back, all is as before, also for a request under way', async () => {
    const { drain, undrain, connect, asked } = await start({ hold: true });
    const client = await connect();
    drain();
    client.send(get());
    await until(() => asked.length === 1);
    undrain();
    asked[0]!.write(ok);
    expect(await client.answers(1)).toEqual([false]);
    client.send(get());
    await until(() => asked.length === 2);
    asked[1]!.write(ok);
    expect(await client.answers(2)).toEqual([false, false]);
  });

  test('taken back between two requests that came together, the connection goes on all the same', async () => {
    const { drain, undrain, connect, asked } = await start({ hold: true });
    const client = await connect(get('/1') + get('/2'));
    await until(() => asked.length === 1);
    drain();
    asked[0]!.write(ok);
    await until(() => asked.length === 2);
    undrain();
    asked[1]!.write(ok);
    expect(await client.answers(2)).toEqual([false, false]);
    client.send(get('/3'));
    await until(() => asked.length === 3);
    asked[2]!.write(ok);
    expect(await client.answers(3)).toEqual([false, false, false]);
  });

  test('requests that came behind one another are all answered, and the last one is told', async () => {
    const { drain, connect, asked } = await start({ hold: true });
    const client = await connect(get('/1') + get('/2') + get('/3'));
    await until(() => asked.length === 1);
    drain();
    for (const at of [0, 1, 2]) {
      await until(() => asked.length > at);
      asked[at]!.write(ok);
    }
    expect(await client.answers(3)).toEqual([false, false, true]);
    await until(() => client.ended);
  });

  test('whoever pipelines without an end is told all the same', async () => {
    const { drain, connect } = await start();
    const client = await connect(get());
    client.socket.on('data', () => client.send(get() + get()));
    await client.answers(20);
    drain();
    await until(() => client.ended);
    expect(client.closes.indexOf(true)).toBe(client.closes.length - 1);
  });

  test.each([
    ['half a head', get().slice(0, 20), get().slice(20)],
    ['the first byte, which may be that of HTTP/2', 'P', 'OST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n'],
  ])('%s that is there keeps its connection, whichever drain comes', async (_, there, rest) => {
    for (const isSoft of [true, false]) {
      const { drain, connect, proxy } = await start();
      const client = await connect(there);
      await until(() => proxy.server.stats.cxRxBytesTotal.value > 0 || there.length === 1);
      await settle();
      if (isSoft) drain(8_000);
      else void proxy.server.drain();
      // idle ones are closed by now
      proxy.clock.advance(7_000);
      await settle();
      client.send(rest);
      expect(await client.answers(1)).toEqual([true]);
    }
  });

  test('a client that waits for 100 Continue gets it, and its answer', async () => {
    const { drain, connect, proxy } = await start();
    const client = await connect('POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n');
    drain();
    await until(() => client.text.includes('100 Continue'));
    proxy.clock.advance(1_000);
    client.send('body');
    expect(await client.answers(1)).toEqual([true]);
    await until(() => client.ended);
  });

  test('an upgrade under way becomes a tunnel, and stays until the time is over', async () => {
    const { drain, connect, asked, proxy } = await start({ hold: true });
    const client = await connect(
      'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
        'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await until(() => asked.length === 1);
    drain(10_000);
    asked[0]!.write(
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n' +
        'sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
    );
    await until(() => client.text.includes('101 Switching'));
    expect(client.text).not.toContain(close);
    proxy.clock.advance(9_900);
    asked[0]!.write('still here');
    await until(() => client.text.endsWith('still here'));
    proxy.clock.advance(1_200);
    await until(() => client.ended);
    expect(proxy.log).toMatchObject([{ status: 101, flags: 'DC', details: 'downstream_local_disconnect' }]);
  });

  test('what is idle is closed in the last quarter of the time, what came later has as long', async () => {
    const { drain, connect, proxy } = await start();
    const client = await connect(get());
    await client.answers(1);
    drain(40_000);
    proxy.clock.advance(29_000);
    const late = await connect();
    await settle();
    expect(client.ended).toBe(false);
    proxy.clock.advance(12_000);
    await until(() => client.ended);
    late.send(get());
    expect(await late.answers(1)).toEqual([true]);
    const silent = await connect();
    proxy.clock.advance(41_000);
    await until(() => silent.ended);
  });
});

test('drained for good, a request that has come is answered, although nobody has read it yet', async () => {
  const { connect, proxy, asked } = await start();
  const client = await connect(get());
  expect(await client.answers(1)).toEqual([false]);
  client.send(get());
  const drained = proxy.server.drain();
  expect(asked).toHaveLength(1);
  expect(await client.answers(2)).toEqual([false, true]);
  await drained;
});

test('drained for good, an answer whose head was out ends its connection all the same', async () => {
  const { connect, asked, proxy } = await start({ hold: true });
  const client = await connect(get());
  await until(() => asked.length === 1);
  asked[0]!.write(ok.slice(0, -1));
  await until(() => client.text.endsWith('\r\n\r\no'));
  const drained = proxy.server.drain();
  asked[0]!.write('k');
  await drained;
  expect(client.closes).toEqual([false]);
});

describe('HTTP/2, drained softly', () => {
  const hello = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(types.settings, 0, 0)]);
  const getBlock = Buffer.of(0x82, 0x86, 0x84, 0x41, 1, 97);
  const request = (id: number): Buffer => frame(types.headers, 5, id, getBlock);
  const goAway = (id: number): string => frame(types.goAway, 0, 0, uint32(id, 0)).toString('latin1');
  const everyStream = goAway(2 ** 31 - 1);
  /** Answers the ping with which a goodbye goes. */
  const acknowledge = (client: Client): void => {
    const at = client.text.lastIndexOf(frame(types.ping, 0, 0, Buffer.alloc(8)).toString('latin1').slice(0, 9));
    client.send(frame(types.ping, 1, 0, Buffer.from(client.text.slice(at + 9, at + 17), 'latin1')));
  };
  const oks = ({ text }: Client): number => text.split('ok').length - 1;

  test('quiet connections are told, too; streams between the two goodbyes are served, and it ends with the last', async () => {
    const { drain, connect, asked, proxy } = await start({ hold: true });
    const client = await connect(Buffer.concat([hello, request(1)]));
    const quiet = await connect(hello);
    await until(() => asked.length === 1 && proxy.server.stats.cxHttp2Active.value === 2);
    drain();
    await until(() => client.text.includes(everyStream) && quiet.text.includes(everyStream));
    client.send(request(3));
    await until(() => asked.length === 2);
    expect(client.text).not.toContain(goAway(3));
    acknowledge(client);
    acknowledge(quiet);
    await until(() => client.text.includes(goAway(3)) && quiet.text.includes(goAway(0)));
    await until(() => quiet.ended);
    for (const socket of asked) socket.write(ok);
    await until(() => client.ended);
    expect(oks(client)).toBe(2);
    expect(proxy.http2Stats.goawaySent.value).toBe(2);
  });

  test('a connection that comes later is told with its first stream, which is served', async () => {
    const { drain, connect, asked } = await start();
    drain();
    const client = await connect(hello);
    await until(() => client.text.length > 0);
    await settle();
    expect(client.text).not.toContain(everyStream);
    client.send(request(1));
    await until(() => client.text.includes(everyStream));
    client.send(request(3));
    await until(() => asked.length === 2);
    acknowledge(client);
    await until(() => client.ended);
    expect(oks(client)).toBe(2);
  });

  test('what is left when the time is over is cut with a goodbye that names the last stream', async () => {
    const { drain, connect, asked, proxy } = await start({ hold: true });
    const client = await connect(Buffer.concat([hello, request(1)]));
    await until(() => asked.length === 1);
    drain(10_000);
    await until(() => client.text.includes(everyStream));
    proxy.clock.advance(9_900);
    await settle();
    expect(client.ended).toBe(false);
    proxy.clock.advance(1_200);
    await until(() => client.ended);
    expect(client.text).toContain(goAway(1));
    expect(proxy.log).toMatchObject([{ flags: 'DC', details: 'downstream_local_disconnect' }]);
  });

  test('taken back, new connections stay, and so does one that had no stream yet', async () => {
    const { drain, undrain, connect, proxy } = await start();
    drain();
    const early = await connect(hello);
    await until(() => proxy.server.stats.cxHttp2Active.value === 1);
    undrain();
    for (const client of [early, await connect(hello)]) {
      client.send(request(1));
      await until(() => oks(client) === 1);
      client.send(request(3));
      await until(() => oks(client) === 2);
      expect(client.text).not.toContain(everyStream);
    }
    drain();
    await until(() => early.text.includes(everyStream));
  });
});
