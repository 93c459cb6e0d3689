import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningEnvoy, startEnvoy } from './support/envoy.ts';
import {
  Cleanup,
  type DataPlaneProcess,
  jsonLines,
  run,
  startControlPlane,
  startDataPlane,
  waitFor,
} from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';
import { startTcpBackend } from './support/tcp-backend.ts';

const here = requirePeer('envoy');
const cleanup = new Cleanup();
afterAll(() => cleanup.run());

/** What the upstream does with each try of a request in turn; the last one is repeated. */
type Fault = 'ok' | 'reset' | 'close' | 'cut' | 'garbage' | 'silence' | number;
interface Seen {
  readonly request: string;
  readonly expectedMs: string | undefined;
}

interface Case {
  readonly law: string;
  /** Fields of the Route. */
  readonly spec?: string;
  readonly method?: string;
  readonly body?: string;
  readonly faults: readonly Fault[];
  readonly tries: number;
  /** Of the answer, and the log's response flags. */
  readonly status: number;
  readonly flags: string;
  /** Where Envoy calls the same end by another flag. */
  readonly envoys?: string;
  /** What the first try is told of the time that it has, and the most that the second is. */
  readonly expectedMs?: readonly [first: string, secondAtMost: number];
}

const body = '{"order":7}';
const cases: readonly Case[] = [
  { law: 'a reset is tried again', faults: ['reset', 'ok'], tries: 2, status: 200, flags: '-' },
  { law: 'twice at most', faults: ['reset'], tries: 3, status: 503, flags: 'URX,UC' },
  { law: 'so is a closed connection', faults: ['close', 'close', 'ok'], tries: 3, status: 200, flags: '-' },
  { law: 'so is an answer that is none', faults: ['garbage', 'ok'], tries: 2, status: 200, flags: '-' },
  { law: 'never a POST', method: 'POST', body, faults: ['reset'], tries: 1, status: 503, flags: 'UC' },
  { law: 'HEAD is', method: 'HEAD', faults: ['reset', 'ok'], tries: 2, status: 200, flags: '-' },
  { law: 'DELETE is', method: 'DELETE', faults: ['reset', 'ok'], tries: 2, status: 200, flags: '-' },
  { law: 'PUT is, with its body', method: 'PUT', body, faults: ['reset', 'ok'], tries: 2, status: 200, flags: '-' },
  { law: 'PATCH is not', method: 'PATCH', body, faults: ['reset', 'ok'], tries: 1, status: 503, flags: 'UC' },
  {
    law: 'POST is where the route says so, with its body',
    spec: 'retry: { anyMethod: true }',
    ...{ method: 'POST', body, faults: ['reset', 'ok'], tries: 2, status: 200, flags: '-' },
  },
  { law: 'no status is by itself', faults: [503], tries: 1, status: 503, flags: '-' },
  { law: 'what began to be answered is not', faults: ['cut'], tries: 1, status: 200, flags: 'UC', envoys: 'UPE' },
  { law: 'attempts: 0', spec: 'retry: { attempts: 0 }', faults: ['reset'], tries: 1, status: 503, flags: 'UC' },
  {
    law: 'a reset is no failure to connect',
    spec: 'retry: { on: connect-failure }',
    ...{ faults: ['reset'], tries: 1, status: 503, flags: 'UC' },
  },
  {
    law: '5xx',
    spec: 'retry: { on: 5xx, attempts: 3 }',
    ...{ faults: [500, 'reset', 599, 'ok'], tries: 4, status: 200, flags: '-' },
  },
  {
    law: '5xx to the end',
    spec: 'retry: { on: 5xx, attempts: 1 }',
    ...{ faults: [503], tries: 2, status: 503, flags: 'URX' },
  },
  {
    law: 'gateway-error',
    spec: 'retry: { on: gateway-error, attempts: 5 }',
    ...{ faults: [502, 503, 504, 500], tries: 4, status: 500, flags: '-' },
  },
  {
    law: 'retriable-4xx, and a status',
    spec: 'retry: { on: [retriable-4xx, 429], attempts: 5 }',
    ...{ method: 'PUT', body, faults: [409, 429, 404], tries: 3, status: 404, flags: '-' },
  },
  {
    law: "gRPC's conditions are about gRPC",
    spec: 'retry: { on: [unavailable, internal] }',
    ...{ faults: [503], tries: 1, status: 503, flags: '-' },
  },
  // a machine that stalls for a second is no fault in these
  {
    law: 'a try that takes too long',
    spec: 'timeout: 15s, retry: { perTry: 1500ms, attempts: 1 }',
    ...{ faults: ['silence', 'ok'], tries: 2, status: 200, flags: '-' },
  },
  {
    law: 'tries that all take too long',
    spec: 'timeout: 15s, retry: { perTry: 1500ms, attempts: 1 }',
    ...{ faults: ['silence'], tries: 2, status: 504, flags: 'URX,UT' },
  },
  {
    law: 'a time per try without retries',
    spec: 'timeout: 15s, retry: { perTry: 1500ms, attempts: 0 }',
    ...{ faults: ['silence'], tries: 1, status: 504, flags: 'UT' },
  },
  {
    law: 'the timeout of the route is no reason to try again',
    spec: 'timeout: 1500ms, retry: { attempts: 5 }',
    ...{ faults: ['silence'], tries: 1, status: 504, flags: 'UT' },
  },
  {
    law: 'the timeout of the route is for all tries together',
    spec: 'timeout: 3200ms, retry: { perTry: 1700ms, attempts: 5 }',
    ...{ faults: ['silence'], tries: 2, status: 504, flags: 'UT', expectedMs: ['1700', 1_500] },
  },
  {
    law: 'a request on which nothing moves for the time of its route',
    spec: 'timeout: 0s, streamIdleTimeout: 1500ms',
    ...{ faults: ['silence'], tries: 1, status: 504, flags: 'SI' },
  },
];

/** Nobody may listen there but root. */
const nobody = 1;

/** Reads one request a connection at a time, knows it by its path, and does what its case says. */
async function startFaultyUpstream(): Promise<{ port: number; seen: Map<string, Seen[]> }> {
  const seen = new Map<string, Seen[]>();
  const port = await startTcpBackend(cleanup, (socket) => {
    let got = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      got += chunk;
      const head = got.indexOf('\r\n\r\n');
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(got)?.[1] ?? 0);
      if (head < 0 || got.length < head + 4 + length) return;
      const request = got;
      got = '';
      const [, method = '', path = ''] = /^(\S+) (\S+)/.exec(request) ?? [];
      const tries = seen.get(path) ?? [];
      seen.set(path, tries);
      const faults = cases[Number(/\d+$/.exec(path)?.[0])]?.faults ?? ['ok' as const];
      const fault = faults[Math.min(tries.length, faults.length - 1)]!;
      const expectedMs = /x-envoy-expected-rq-timeout-ms: (\d+)/.exec(request)?.[1];
      tries.push({ request: `${method} ${request.slice(head + 4)}`, expectedMs });
      answer(socket, fault, method === 'HEAD');
    });
  });
  return { port, seen };
}

function answer(socket: net.Socket, fault: Fault, headOnly: boolean): void {
  const say = (status: number): void =>
    void socket.write(`HTTP/1.1 ${status} X\r\ncontent-length: 2\r\n\r\n${headOnly ? '' : 'ok'}`);
  if (typeof fault === 'number') say(fault);
  else if (fault === 'ok') say(200);
  else if (fault === 'reset') socket.resetAndDestroy();
  else if (fault === 'close') socket.destroy();
  else if (fault === 'garbage') socket.end('no http at all\r\n\r\n');
  else if (fault === 'cut') socket.write('HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\nhalf', () => socket.destroy());
}

/** Sends one request and reads to the end of the connection. */
async function ask(port: number, path: string, { method = 'GET', body = '' }: Partial<Case>): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  const length = body === '' ? '' : `content-length: ${body.length}\r\n`;
  socket.write(`${method} ${path} HTTP/1.1\r\nhost: x.example.com\r\n${length}connection: close\r\n\r\n${body}`);
  let got = '';
  for await (const chunk of socket.setEncoding('latin1')) got += chunk;
  return got;
}

describe.skipIf(!here)('retries beside Envoy', () => {
  let node: DataPlaneProcess;
  let envoy: RunningEnvoy;
  let upstream: Awaited<ReturnType<typeof startFaultyUpstream>>;
  /** Of the cases; our node's first. */
  const outcomes: Promise<Awaited<ReturnType<typeof outcome>>[]>[] = [];
  const places: { who: string; port: number; logs: () => string; stats: () => Promise<string> }[] = [];

  beforeAll(async () => {
    upstream = await startFaultyUpstream();
    const controlPlane = await startControlPlane(cleanup);
    const route = (name: string, match: string, cluster: string, more = ''): string => `
---
kind: Route
name: ${name}
spec: { hosts: [x.example.com], match: { path: { prefix: ${match} } }, to: { cluster: ${cluster} }${more && `, ${more}`} }`;
    const cluster = (name: string, ...ports: number[]): string => `
---
kind: Cluster
name: ${name}
spec:
  balance: { policy: round-robin }
  endpoints: [${ports.map((port) => `{ address: 127.0.0.1, port: ${port} }`).join(', ')}]`;
    await controlPlane.apply(
      `kind: NodeGroup
name: edge
---
kind: Listener
name: public
spec: { groups: [edge], address: 127.0.0.1, port: 0, accessLog: { format: json, to: stdout } }` +
        cluster('nobody', nobody) +
        cluster('half', nobody, upstream.port) +
        // each with a retry budget of its own
        cases.map((_, index) => cluster(`case-${index}`, upstream.port)).join('') +
        cases.map(({ spec = '' }, index) => route(`case-${index}`, `/case/${index}`, `case-${index}`, spec)).join('') +
        route('nobody', '/nobody', 'nobody') +
        route('half', '/half', 'half'),
    );
    node = await startDataPlane(cleanup, controlPlane, 'edge', 'ours');
    const printed = await run(
      ['bootstrap', 'envoy', '--group', 'edge', '--id', 'envoy', '--xds', controlPlane.xds],
      controlPlane.env,
    );
    envoy = await startEnvoy({ bootstrap: printed.stdout });
    cleanup.add(() => envoy.stop());
    places.push({
      who: 'ours',
      port: await node.port('public'),
      logs: node.program.stdout,
      stats: async () => (await fetch(`${node.admin}/stats`)).text(),
    });
    places.push({
      who: 'envoy',
      port: await envoy.listenerPort('public'),
      logs: envoy.logs,
      stats: () => envoy.admin('/stats'),
    });
    // all at once: some of them take their time
    for (const [index, one] of cases.entries()) {
      const both = Promise.all(places.map((place) => outcome(place, `/case/${index}/${place.who}/${index}`, one)));
      // its test hears of it
      both.catch(() => {});
      outcomes.push(both);
    }
  });

  /** The answer's status, the log's flags and what the upstream saw of it. */
  async function outcome({ who, port, logs }: (typeof places)[number], path: string, one: Partial<Case> = {}) {
    const answer = await ask(port, path, one);
    const { flags } = await waitFor(`the log of ${path}`, () => jsonLines<{ flags: string }>(logs(), `"${path}"`)[0]);
    return { who, status: Number(answer.slice(9, 12)), flags, tries: upstream.seen.get(path) ?? [] };
  }

  test.each(cases.map((one, index) => [one.law, one, index] as const))('%s', async (_law, one, index) => {
    const [ours, envoys] = await outcomes[index]!;
    for (const { who, status, flags, tries } of [ours!, envoys!]) {
      const calledFlags = who === 'envoy' ? (one.envoys ?? one.flags) : one.flags;
      const expected = { status: one.status, flags: calledFlags, tries: one.tries };
      expect({ status, flags, tries: tries.length }, who).toEqual(expected);
      expect(new Set(tries.map(({ request }) => request)), who).toEqual(
        new Set([`${one.method ?? 'GET'} ${one.body ?? ''}`]),
      );
      if (one.expectedMs === undefined) continue;
      const [first, secondAtMost] = one.expectedMs;
      expect(tries[0]?.expectedMs, who).toBe(first);
      // a later try is told what is left of the time
      expect(Number(tries[1]?.expectedMs), who).toBeLessThanOrEqual(secondAtMost);
    }
    expect(ours!.tries[0]?.expectedMs).toBe(envoys!.tries[0]?.expectedMs);
  });

  const atBoth = (check: (place: (typeof places)[number]) => Promise<void>): Promise<unknown> =>
    Promise.all(places.map(check));

  test('nobody to connect to is tried three times', () =>
    atBoth(async (place) => {
      expect(await outcome(place, `/nobody/${place.who}`), place.who).toMatchObject({ status: 503, flags: 'URX,UF' });
      const stats = await place.stats();
      expect(stats, place.who).toMatch(/^cluster\.nobody\.upstream_rq_retry: 2$/m);
      expect(stats, place.who).toMatch(/^cluster\.nobody\.upstream_rq_retry_limit_exceeded: 1$/m);
      expect(stats, place.who).toMatch(/^cluster\.nobody\.upstream_cx_connect_fail: 3$/m);
    }));

  test('the endpoint that failed is not drawn again while there is another', () =>
    atBoth(async (place) => {
      for (let round = 0; round < 6; round++) {
        const path = `/half/${place.who}/round-${round}x`;
        expect(await outcome(place, path), place.who).toMatchObject({ status: 200, flags: '-' });
      }
      const counted = (name: string, stats: string): number =>
        Number(new RegExp(`^cluster\\.half\\.${name}: (\\d+)$`, 'm').exec(stats)?.[1]);
      const stats = await place.stats();
      expect(counted('upstream_rq_retry', stats), place.who).toBeGreaterThanOrEqual(5);
      expect(counted('upstream_rq_retry_success', stats), place.who).toBe(counted('upstream_rq_retry', stats));
    }));
});
