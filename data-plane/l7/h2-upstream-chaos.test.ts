/** Clients of both versions, endpoints that speak HTTP/2 and do whatever they may: seeded. */
import http2 from 'node:http2';
import { text } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { errorCodes } from '../../proto/http2/errors.ts';
import { deadPort } from '../l4/testing.ts';
import { startProxy, talk } from '../proxy-testing.ts';
import { clusterOf, routeOf, seededRandom } from '../testing.ts';
import { type Asked, header, startH2Upstream } from './testing-http2.ts';

const running: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

const count = 600;

/** Status and body; '' for one that was cut. */
type Answer = readonly [status: string, body: string];

async function askHttp2(client: http2.ClientHttp2Session, method: string, id: string, body: string): Promise<Answer> {
  const stream = client.request({ ':method': method, ':path': `/${id}`, ':authority': 'a' }, { endStream: false });
  let status = '';
  stream.on('response', (headers) => {
    status = String(headers[':status']);
  });
  stream.end(body);
  const whole = await text(stream.setEncoding('latin1')).catch(() => undefined);
  return whole === undefined ? ['', ''] : [status, whole];
}

async function askHttp1(port: number, method: string, id: string, body: string): Promise<Answer> {
  const head = `${method} /${id} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`;
  const answer = await talk(port, head + body, () => false);
  const [, said, rest = ''] = /^HTTP\/1.1 (\d+).*?\r\n\r\n(.*)$/s.exec(answer) ?? [];
  const chunked = answer.includes('transfer-encoding: chunked');
  if (said === undefined || (chunked && !rest.endsWith('0\r\n\r\n'))) return ['', ''];
  return [said, chunked ? rest.replaceAll(/[0-9a-f]+\r\n([^\r]*)\r\n/g, '$1').replace(/\r\n$/, '') : rest];
}

test('whatever endpoints do, each request has its own answer, none acts twice without leave, and nothing is left', async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31) || 1;
  console.log(`seed ${seed} (SEED=${seed} repeats it as far as sockets do)`);
  const random = seededRandom(seed);
  /** How often an endpoint may have acted on a request. */
  const acted = new Map<string, number>();
  const idOf = (asked: Asked): string => header(asked, ':path')!.slice(1);
  const answer = (asked: Asked, status: string): void => {
    const { stream } = asked;
    stream.headers([[':status', status]], false);
    const body = Buffer.from(idOf(asked));
    if (random() < 0.3) {
      stream.data(body, false);
      stream.trailers([['x-t', '1']]);
    } else stream.data(body, true);
  };
  const onWhole = (asked: Asked): void => {
    const { stream, connection, socket } = asked;
    const behaviour = random();
    if (behaviour < 0.1) {
      stream.reset(errorCodes.REFUSED_STREAM);
      return;
    }
    acted.set(idOf(asked), (acted.get(idOf(asked)) ?? 0) + 1);
    if (behaviour < 0.15) stream.reset(errorCodes.INTERNAL_ERROR);
    else if (behaviour < 0.17) socket.destroy();
    else if (behaviour < 0.19) socket.resetAndDestroy();
    else if (behaviour < 0.26) answer(asked, '503');
    else if (behaviour < 0.3) {
      stream.headers([[':status', '200']], false);
      stream.data(Buffer.from('half'), false);
      connection.flushNow();
      stream.reset(errorCodes.INTERNAL_ERROR);
    } else if (behaviour < 0.33) return;
    else if (behaviour < 0.37) {
      connection.drain();
      setImmediate(answer, asked, '200');
    } else if (behaviour < 0.39) socket.write(Buffer.alloc(9, 255));
    else if (behaviour < 0.7) setImmediate(answer, asked, '200');
    else answer(asked, '200');
  };
  const upstreams = await Promise.all(
    [3, 100].map((maxConcurrentStreams) => startH2Upstream({ settings: { maxConcurrentStreams }, onWhole })),
  );
  const retry = {
    failures: ['no-connection', 'unprocessed', 'reset'] as const,
    ...{ grpcStatuses: [], statuses: [{ start: 503, end: 504 }], attempts: 2, perTryTimeoutMs: 400 },
    ...{ backoff: { baseMs: 25, maxMs: 250 }, hostSelections: 5, methods: ['GET', 'PUT'] },
  };
  const ports = [...upstreams.map(({ port }) => port), deadPort()];
  const proxy = await startProxy({
    cluster: clusterOf(ports, { protocol: 'http2', retryBudget: { percent: 50, least: 3 } }),
    routes: [routeOf('c', { timeoutMs: 5_000, retry })],
  });
  const clients = [0, 1].map(() => http2.connect(`http://127.0.0.1:${proxy.port}`));
  for (const client of clients) client.on('error', () => {});
  running.push(...upstreams.map(({ stop }) => stop), proxy.stop, () => {
    for (const client of clients) client.destroy();
  });

  const methods = ['GET', 'PUT', 'POST'] as const;
  const asked: { method: string; id: string; answer: Promise<Answer> }[] = [];
  while (proxy.log.length < count) {
    if (asked.length < count && random() < 0.5) {
      const id = String(asked.length);
      const method = methods[asked.length % methods.length]!;
      const body = 'x'.repeat(random() < 0.1 ? 100_000 : 1 + random() * 500);
      const one =
        random() < 0.5
          ? askHttp1(proxy.port, method, id, body)
          : askHttp2(clients[asked.length % 2]!, method, id, body);
      asked.push({ method, id, answer: one });
    }
    proxy.clock.advance(2);
    await turn();
  }
  const answers = await Promise.all(asked.map((one) => one.answer));
  let good = 0;
  asked.forEach(({ method, id }, index) => {
    const [status, body] = answers[index]!;
    expect(['', '200', '502', '503', '504'], `seed ${seed}: ${id}`).toContain(status);
    if (status === '200') {
      good++;
      expect(body, `seed ${seed}`).toBe(id);
    }
    expect(acted.get(id) ?? 0, `seed ${seed}: ${method} ${id}`).toBeLessThanOrEqual(method === 'POST' ? 1 : 3);
  });
  const { stats, hosts } = proxy.cluster;
  expect(good, `seed ${seed}`).toBeGreaterThan(count / 2);
  expect(stats.rqRetrySuccess.value, `seed ${seed}`).toBeGreaterThan(0);
  const left = [proxy.cluster.retries, stats.rqActive.value, stats.rqPendingActive.value];
  expect([...left, ...hosts.map((host) => host.active)], `seed ${seed}`).toEqual([0, 0, 0, 0, 0, 0]);
  expect(proxy.faults).toEqual([]);
  const [load] = [...proxy.cluster.localities];
  expect([load!.issued, load!.inProgress], `seed ${seed}`).toEqual([stats.rqTotal.value, 0]);
  // and once they rest for their time, no connection is left either
  proxy.clock.advance(61_000);
  while (stats.cxActive.value > 0) await turn();
  expect(stats.cxTotal.value).toBe(stats.cxDestroy.value);
  expect(hosts.map((host) => host.connections)).toEqual([0, 0, 0]);
});
