/** Many streams at once, ended by whoever and whenever: streams are used again, and none may see another's bytes. */
import http2 from 'node:http2';
import type net from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { seededRandom } from '../../proto/http2/testing/wire.ts';
import { startProxy, startRawUpstream } from '../proxy-testing.ts';
import { clusterOf } from '../testing.ts';

const count = 600;
/** What belongs to one request alone, of any length. */
const textOf = (id: number, bytes: number): string => `<${id}>`.repeat(Math.ceil(bytes / 3)).slice(0, bytes);

test('whoever ends a stream, and when, each answer is its own request, and nothing is left', async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31) || 1;
  console.log(`seed ${seed} (SEED=${seed} repeats it as far as sockets do)`);
  const random = seededRandom(seed);
  const read = new WeakMap<net.Socket, number>();
  const upstream = await startRawUpstream((socket, all) => {
    const request = all.subarray(read.get(socket) ?? 0);
    const head = request.toString('latin1', 0, Math.max(0, request.indexOf('\r\n\r\n')));
    const [, id, bytes, ends] = /^\S+ \/(\d+)\/(\d+)\/(\w+) /.exec(head) ?? [];
    if (id === undefined) return;
    const body = request.subarray(head.length + 4);
    const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0);
    if (ends !== 'early' && body.length < length) return;
    read.set(socket, all.length);
    // what came of a request is of that request alone
    if (length > 0) expect(body.toString('latin1')).toBe(textOf(Number(id), length).slice(0, body.length));
    const answer = textOf(Number(id), Number(bytes));
    if (ends === 'cut')
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${answer.length + 1}\r\n\r\n${answer}`, () => socket.destroy());
    else if (ends === 'gone') socket.destroy();
    else if (ends === 'chunked')
      socket.write(
        `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${answer.length.toString(16)}\r\n${answer}\r\n0\r\n\r\n`,
      );
    else if (ends !== 'never') socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${answer.length}\r\n\r\n${answer}`);
  });
  const proxy = await startProxy({ cluster: clusterOf([upstream.port]) });
  const connect = (): http2.ClientHttp2Session => http2.connect(`http://127.0.0.1:${proxy.port}`).on('error', () => {});
  let clients = [connect(), connect(), connect()];
  let wrong = 0;
  const asked: Promise<void>[] = [];
  for (let id = 1; id <= count; id++) {
    const ends = ['whole', 'whole', 'whole', 'chunked', 'early', 'cut', 'gone', 'never'][random(8)]!;
    const bytes = [1, 100, 20_000, 200_000][random(4)]!;
    const sent = [0, 0, 5, 3_000, 100_000][random(5)]!;
    const headers = {
      ':method': sent > 0 ? 'POST' : 'GET',
      ':path': `/${id}/${bytes}/${ends}`,
      ...(sent > 0 && { 'content-length': sent }),
    };
    const client = clients[random(3)]!;
    const stream = client.request(headers);
    const resets = ends === 'never' || random(6) === 0;
    asked.push(
      new Promise((resolve) => {
        let body = '';
        let status = 0;
        stream.setEncoding('latin1');
        stream.on('response', (received) => {
          status = Number(received[':status']);
        });
        stream.on('data', (text: string) => {
          body += text;
          if (resets && random(2) === 0) stream.close(http2.constants.NGHTTP2_CANCEL);
        });
        stream.on('error', () => {});
        stream.on('close', () => {
          const own = textOf(id, bytes);
          const isWhole = stream.rstCode === 0 && !client.destroyed;
          if (status === 200 && (isWhole && !resets ? body !== own : !own.startsWith(body))) wrong++;
          // nothing of the answer before on the same object is left
          if (ends === 'gone' && !resets && !client.destroyed && status !== 503) wrong++;
          resolve();
        });
      }),
    );
    if (sent > 0) stream.end(textOf(id, sent));
    if (resets) for (let turns = random(4); turns >= 0; turns--) await turn();
    if (resets) stream.close(http2.constants.NGHTTP2_CANCEL);
    if (random(8) === 0) await turn();
    if (random(100) === 0) {
      clients[0]!.destroy();
      clients = [...clients.slice(1), connect()];
    }
    if (id % 60 === 0) await Promise.all(asked);
  }
  await Promise.all(asked);
  for (const client of clients) client.destroy();
  while (proxy.server.connectionCount > 0) await turn();
  const { server, cluster, http2Stats } = proxy;
  const left = [server.stats.rqActive, server.stats.cxActive, cluster.stats.rqActive, http2Stats.streamsActive];
  expect({ wrong, faults: proxy.faults, left: left.map(({ value }) => value) }, `seed ${seed}`).toEqual({
    wrong: 0,
    faults: [],
    left: [0, 0, 0, 0],
  });
  expect(proxy.log.length, `seed ${seed}`).toBe(server.stats.rqHttp2Total.value);
  await proxy.stop();
  await upstream.stop();
});
