/** Clusters that speak HTTP/2, by documents: at our node and at a real Envoy, in front of Node's own HTTP/2 server. */
import { once } from 'node:events';
import http2 from 'node:http2';
import type net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningEnvoy, startEnvoy } from './support/envoy.ts';
import { Cleanup, request, run, startBackend, startControlPlane, startDataPlane, waitFor } from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';

const here = requirePeer('envoy');
const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const { constants } = http2;
const deadline = '200 4 downstream duration timeout';
type Fault = 'ok' | 'refuse' | 'reset' | 'cut' | 'empty' | 'trailers' | 'half' | number;

interface Case {
  readonly law: string;
  readonly method?: string;
  readonly body?: string;
  /** What the endpoint does with each try in turn; the last one is repeated. */
  readonly faults: readonly Fault[];
  readonly status: number;
  readonly flags: string;
  readonly tries: number;
  /** Where Envoy does otherwise. */
  readonly envoys?: { readonly status?: number; readonly flags?: string; readonly tries?: number };
}

const cases: readonly Case[] = [
  { law: 'an answer passes', faults: ['ok'], status: 200, flags: '-', tries: 1 },
  { law: 'one without a body', faults: ['empty'], status: 200, flags: '-', tries: 1 },
  { law: 'one with trailers, which HTTP/1.1 drops', faults: ['trailers'], status: 200, flags: '-', tries: 1 },
  { law: 'one of 503', faults: [503], status: 503, flags: '-', tries: 1 },
  {
    law: 'a body goes there',
    method: 'POST',
    body: 'x'.repeat(100_000),
    faults: ['ok'],
    status: 200,
    flags: '-',
    tries: 1,
  },
  { law: 'a reset stream is tried again', faults: ['reset', 'ok'], status: 200, flags: '-', tries: 2 },
  { law: 'a cut connection, too', faults: ['cut', 'ok'], status: 200, flags: '-', tries: 2 },
  { law: 'a POST is not', method: 'POST', body: 'x', faults: ['reset'], status: 503, flags: 'UR', tries: 1 },
  {
    law: 'nor one whose connection is cut',
    method: 'POST',
    body: 'x',
    faults: ['cut'],
    status: 503,
    flags: 'UC',
    tries: 1,
  },
  {
    law: 'a refused stream was not looked at: it is sent once more by itself',
    ...{ method: 'POST', body: 'x', faults: ['refuse', 'ok'], status: 200, flags: '-', tries: 2 },
    envoys: { status: 503, flags: 'UR', tries: 1 },
  },
  {
    law: 'refused-stream is a reason of the built-in policy',
    ...{ faults: ['refuse'], status: 503, flags: 'URX,UR', tries: 4 },
    envoys: { tries: 3 },
  },
  { law: 'what began to be answered is not tried again', faults: ['half'], status: 200, flags: 'UC', tries: 1 },
];

interface Seen {
  readonly headers: http2.IncomingHttpHeaders;
  body: string;
}

interface Http2Backend {
  port: number;
  seen: Map<string, Seen[]>;
  probes: http2.IncomingHttpHeaders[];
  calls: http2.IncomingHttpHeaders[];
}

/** Knows a request by the number at the end of its path. */
async function startHttp2Backend(): Promise<Http2Backend> {
  const seen = new Map<string, Seen[]>();
  const probes: http2.IncomingHttpHeaders[] = [];
  const calls: http2.IncomingHttpHeaders[] = [];
  const sessions = new Set<http2.ServerHttp2Session>();
  const server = http2.createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const path = String(headers[':path']);
    if (path === '/healthz') {
      probes.push(headers);
      stream.respond({ ':status': 200 }, { endStream: true });
      return;
    }
    if (path.startsWith('/calls')) {
      calls.push(headers);
      answerCall(stream, path);
      return;
    }
    const tries = seen.get(path) ?? [];
    seen.set(path, tries);
    const faults = cases[Number(/\d+$/.exec(path)?.[0])]?.faults ?? ['ok' as const];
    const fault = faults[Math.min(tries.length, faults.length - 1)]!;
    const one: Seen = { headers, body: '' };
    tries.push(one);
    stream.setEncoding('latin1').on('data', (chunk: string) => {
      one.body += chunk;
    });
    stream.on('end', () => answer(stream, fault));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { port: (server.address() as net.AddressInfo).port, seen, probes, calls };
}

/** `silent` in the path: never; `late`: a status in the trailers; otherwise one in the head. */
function answerCall(stream: http2.ServerHttp2Stream, path: string): void {
  const type = { ':status': 200, 'content-type': 'application/grpc' };
  if (path.includes('silent')) return;
  if (!path.includes('late')) {
    stream.respond({ ...type, 'grpc-status': '14', 'grpc-message': 'busy' }, { endStream: true });
    return;
  }
  stream.respond(type, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '5', 'grpc-message': 'gone' }));
  stream.end('message');
}

function answer(stream: http2.ServerHttp2Stream, fault: Fault): void {
  if (fault === 'refuse') stream.close(constants.NGHTTP2_REFUSED_STREAM);
  else if (fault === 'reset') stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  else if (fault === 'cut') stream.session?.socket.destroy();
  else if (fault === 'empty') stream.respond({ ':status': 200 }, { endStream: true });
  else if (fault === 'half') {
    stream.respond({ ':status': 200 });
    stream.write('half', () => setImmediate(() => stream.session?.socket.destroy()));
  } else if (fault === 'trailers') {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '7' }));
    stream.end('ok');
  } else {
    stream.respond({ ':status': fault === 'ok' ? 200 : fault, 'content-type': 'text/plain' });
    stream.end('ok');
  }
}

describe.skipIf(!here)('clusters of HTTP/2 beside Envoy', () => {
  let backend: Awaited<ReturnType<typeof startHttp2Backend>>;
  const places: { who: string; port: number; logs: () => string; stats: () => Promise<string> }[] = [];

  beforeAll(async () => {
    backend = await startHttp2Backend();
    const [controlPlane, old] = await Promise.all([startControlPlane(cleanup), startBackend(cleanup, 'old')]);
    const health = '{ active: { http: { path: /healthz, host: probed.example.com }, interval: 200ms, timeout: 10s } }';
    await controlPlane.apply(`
{ kind: NodeGroup, name: edge }
---
{ kind: Listener, name: public, spec: { groups: edge, address: 127.0.0.1, port: 0, accessLog: { format: json, to: stdout } } }
---
{ kind: Cluster, name: new, spec: { protocol: http2, endpoints: { address: 127.0.0.1, port: ${backend.port} } } }
---
{ kind: Cluster, name: probed, spec: { protocol: grpc, endpoints: { address: 127.0.0.1, port: ${backend.port} }, health: ${health} } }
---
{ kind: Cluster, name: same, spec: { protocol: same-as-client, endpoints: { address: 127.0.0.1, port: ${old.port} } } }
---
{ kind: Route, name: new, spec: { hosts: x.example.com, to: { cluster: new } } }
---
{ kind: Route, name: probed, spec: { hosts: x.example.com, match: { path: { prefix: /probed } }, to: { cluster: probed } } }
---
{ kind: Cluster, name: calls, spec: { protocol: grpc, endpoints: { address: 127.0.0.1, port: ${backend.port} } } }
---
{ kind: Route, name: calls, spec: { hosts: x.example.com, match: { path: { prefix: /calls } }, to: { cluster: calls } } }
---
{ kind: Route, name: capped, spec: { hosts: x.example.com, match: { path: { prefix: /calls/capped } }, to: { cluster: calls }, timeout: 400ms } }
---
{ kind: Route, name: again, spec: { hosts: x.example.com, match: { path: { prefix: /calls/again } }, to: { cluster: calls }, retry: { on: [unavailable], anyMethod: true } } }
---
{ kind: Route, name: answers, spec: { hosts: x.example.com, match: { path: { prefix: /calls/answers } }, respond: { status: 421, body: "100% wrong" } } }
---
{ kind: Route, name: same, spec: { hosts: x.example.com, match: { path: { prefix: /same } }, to: { cluster: same } } }
`);
    const node = await startDataPlane(cleanup, controlPlane, 'edge', 'ours');
    const asked = ['bootstrap', 'envoy', '--group', 'edge', '--id', 'envoy', '--xds', controlPlane.xds];
    const { stdout } = await run(asked, controlPlane.env);
    const envoy: RunningEnvoy = await startEnvoy({ bootstrap: stdout });
    cleanup.add(() => envoy.stop());
    places.push({
      ...{ who: 'ours', port: await node.port('public'), logs: node.program.stdout },
      stats: async () => (await fetch(`${node.admin}/stats`)).text(),
    });
    places.push({
      ...{ who: 'envoy', port: await envoy.listenerPort('public'), logs: envoy.logs },
      stats: () => envoy.admin('/stats'),
    });
  });

  async function outcome({ port, logs }: (typeof places)[number], path: string, { method, body }: Partial<Case> = {}) {
    const asked = { path, host: 'x.example.com', ...(method && { method }), ...(body && { body }) };
    const { status } = await request(port, asked).catch(() => ({ status: 200 }));
    const line = await waitFor(`the log of ${path}`, () =>
      logs()
        .split('\n')
        .find((entry) => entry.startsWith('{') && entry.includes(`"${path}"`)),
    );
    const { flags } = JSON.parse(line) as { flags: string };
    return { status, flags, tries: backend.seen.get(path)?.length ?? 0 };
  }

  test.each(cases.map((one, index) => [one.law, one, index] as const))('%s', async (_law, one, index) => {
    for (const place of places) {
      const path = `/case/${place.who}/${index}`;
      const { status, flags, tries } = { ...one, ...(place.who === 'envoy' ? one.envoys : {}) };
      expect(await outcome(place, path, one), place.who).toEqual({ status, flags, tries });
      for (const { body } of backend.seen.get(path)!) expect(body.length, place.who).toBe(one.body?.length ?? 0);
    }
  });

  test('the endpoint sees the same request of both', async () => {
    const headers = { te: 'trailers', cookie: 'a=1; b=2', connection: 'x-own', 'x-own': '1', 'user-agent': 't' };
    const [ours, envoys] = await Promise.all(
      places.map(async ({ who, port }) => {
        await request(port, { path: `/seen/${who}`, host: 'x.example.com', headers });
        return Object.entries(backend.seen.get(`/seen/${who}`)![0]!.headers).filter(
          ([name]) => !/^:path|-id$|-address$|-for$/.test(name),
        );
      }),
    );
    expect(new Map(ours)).toEqual(new Map(envoys));
  });

  test.each<[string, string, Record<string, string>, string, string | undefined]>([
    ['a status in the trailers passes', '/calls/late', {}, '200 5 gone', undefined],
    ['a status in the head passes', '/calls/now', {}, '200 14 busy', undefined],
    ['unavailable is tried again', '/calls/again', {}, '200 14 busy', undefined],
    ['an answer of a route is trailers only', '/calls/answers', {}, '200 2 100%25 wrong', undefined],
    ["the client's deadline counts", '/calls/silent', { 'grpc-timeout': '300m' }, deadline, '300m'],
    ['up to the timeout of the route', '/calls/capped/silent', { 'grpc-timeout': '3S' }, deadline, '400m'],
    ['which counts without one, too', '/calls/capped/silent', {}, deadline, '400m'],
  ])('of gRPC: %s', async (_, path, headers, expected, told) => {
    for (const { who, port, stats } of places) {
      const before = backend.calls.length;
      const session = http2.connect(`http://127.0.0.1:${port}`);
      const call = { ':method': 'POST', ':path': path, ':authority': 'x.example.com', te: 'trailers' };
      const stream = session.request({ ...call, 'content-type': 'application/grpc', ...headers });
      let got: http2.IncomingHttpHeaders = {};
      for (const event of ['response', 'trailers']) {
        stream.on(event, (received: http2.IncomingHttpHeaders) => {
          got = { ...got, ...received };
        });
      }
      stream.resume().end('message');
      await once(stream, 'close');
      session.close();
      expect(`${got[':status']} ${got['grpc-status']} ${got['grpc-message']}`, who).toBe(expected);
      expect([got['content-type'], got['content-length']], who).toEqual(['application/grpc', undefined]);
      const tries = path.includes('again') ? 3 : path.includes('answers') ? 0 : 1;
      // where time was up, the endpoint may hear of the call after the client has its answer
      const toldOf = (): unknown[] => backend.calls.slice(before).map((one) => one['grpc-timeout']);
      await expect.poll(toldOf, { message: who }).toEqual(Array.from({ length: tries }, () => told));
      if (expected !== deadline) continue;
      expect(await stats(), who).toMatch(/^http\.public\.downstream_rq_max_duration_reached: [1-9]/m);
    }
  });

  test('its endpoints are probed in HTTP/2, and what passes is served', async () => {
    for (const place of places) {
      const served = async () => (await outcome(place, `/probed/${place.who}/${Math.random()}x`)).status === 200;
      await waitFor(`an endpoint that passes at ${place.who}`, async () => (await served()) || undefined);
    }
    // in panic it is served before it was probed
    const said = () => new Set(backend.probes.map((probe) => `${probe[':authority']} ${probe['user-agent']}`));
    await expect.poll(said).toEqual(new Set(['probed.example.com Fairlead/HC', 'probed.example.com Envoy/HC']));
  });

  test('a cluster that speaks as its clients do gets HTTP/1.1 of a client of HTTP/1.1', async () => {
    for (const { who, port, stats } of places) {
      expect((await request(port, { path: '/same', host: 'x.example.com' })).body, who).toContain('"backend":"old"');
      expect(await stats(), who).toMatch(/^cluster\.same\.upstream_cx_http1_total: 1$/m);
      expect(await stats(), who).toMatch(/^cluster\.new\.upstream_cx_http2_total: [1-9]/m);
    }
  });
});
