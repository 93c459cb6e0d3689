import type net from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { deadPort } from '../l4/testing.ts';
import { startProxy, startRawUpstream, talk } from '../proxy-testing.ts';
import { clusterOf, noBreakers, routeOf, seededRandom } from '../testing.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

const count = 400;

test.each([
  ['any number of connections', noBreakers],
  ['two, for which the others wait', { ...noBreakers, connections: 2 }],
])(
  'whatever endpoints do over %s, each request has its own answer, none acts twice without leave, and nothing is left',
  async (_, breakers) => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31) || 1;
    console.log(`seed ${seed} (SEED=${seed} repeats it as far as sockets do)`);
    const random = seededRandom(seed);
    /** How often a request got to an endpoint whole. */
    const arrived = new Map<string, number>();
    const upstream = (): ReturnType<typeof startRawUpstream> => {
      const read = new WeakMap<net.Socket, number>();
      return startRawUpstream((socket, all) => {
        const request = all.toString('latin1', read.get(socket) ?? 0);
        const id = /^\S+ \/(\d+) /.exec(request)?.[1];
        if (id === undefined || !request.endsWith(`end ${id}`)) return;
        read.set(socket, all.length);
        arrived.set(id, (arrived.get(id) ?? 0) + 1);
        const behaviour = random();
        const answer = (status: string): void => {
          if (socket.destroyed) return;
          socket.write(`HTTP/1.1 ${status}\r\ncontent-length: ${id.length}\r\n\r\n${id}`);
          // the pool is left with connections that end at any moment
          if (random() < 0.3) setImmediate(() => socket.destroy());
        };
        if (behaviour < 0.15) socket.resetAndDestroy();
        else if (behaviour < 0.25) socket.destroy();
        else if (behaviour < 0.35) answer('503 Busy');
        else if (behaviour < 0.4)
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf', () => socket.destroy());
        else if (behaviour < 0.45) return;
        else if (behaviour < 0.7) setImmediate(answer, '200 OK');
        else answer('200 OK');
      });
    };
    const [a, b] = await Promise.all([upstream(), upstream()]);
    const retry = {
      failures: ['no-connection', 'unprocessed', 'reset'] as const,
      grpcStatuses: [],
      statuses: [{ start: 503, end: 504 }],
      attempts: 2,
      perTryTimeoutMs: 400,
      backoff: { baseMs: 25, maxMs: 250 },
      hostSelections: 5,
      methods: ['GET', 'PUT'],
    };
    const proxy = await startProxy({
      cluster: clusterOf([a.port, b.port, deadPort()], { retryBudget: { percent: 50, least: 3 }, breakers }),
      routes: [routeOf('c', { timeoutMs: 5_000, retry })],
    });
    running.push(a, b, proxy);

    const methods = ['GET', 'PUT', 'POST'] as const;
    const asked: { method: string; id: string; answer: Promise<string> }[] = [];
    while (proxy.log.length < count) {
      if (asked.length < count && random() < 0.4) {
        const id = String(asked.length);
        const method = methods[asked.length % methods.length]!;
        const padding = 'x'.repeat(random() < 0.1 ? 40_000 : random() * 500);
        const body = `${padding}end ${id}`;
        const head = `${method} /${id} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`;
        asked.push({ method, id, answer: talk(proxy.port, head + body, () => false) });
      }
      proxy.clock.advance(2);
      await turn();
    }
    const answers = await Promise.all(asked.map(({ answer }) => answer));

    const outcomes = new Map<string, number>();
    asked.forEach(({ method, id }, index) => {
      const answer = answers[index]!;
      const status = answer.slice(9, 12);
      outcomes.set(status, (outcomes.get(status) ?? 0) + 1);
      expect(['', '200', '503', '504'], `seed ${seed}: ${answer}`).toContain(status);
      const body = answer.slice(answer.indexOf('\r\n\r\n') + 4);
      if (status === '200' && body !== 'half') expect(body, `seed ${seed}`).toBe(id);
      expect(arrived.get(id) ?? 0, `seed ${seed}: ${method}`).toBeLessThanOrEqual(method === 'POST' ? 1 : 3);
    });
    const { stats, hosts } = proxy.cluster;
    // enough to speak of; with two connections about half of them wait for longer than they may
    expect(outcomes.get('200'), `seed ${seed}`).toBeGreaterThan(count / 4);
    expect(stats.rqRetrySuccess.value, `seed ${seed}`).toBeGreaterThan(0);
    expect([stats.rqPendingActive.value, stats.rqWaiting.value], `seed ${seed}`).toEqual([0, 0]);
    expect([proxy.cluster.retries, stats.rqActive.value, ...hosts.map((host) => host.active)], `seed ${seed}`).toEqual([
      0, 0, 0, 0, 0,
    ]);
    expect(proxy.faults).toEqual([]);
    const { issued, successful, errors, inProgress } = [...proxy.cluster.localities][0]!;
    expect([issued, inProgress], `seed ${seed}`).toEqual([stats.rqTotal.value, 0]);
    expect(successful + errors, `seed ${seed}`).toBe(issued);
  },
);
