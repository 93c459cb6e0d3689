/** `h2`: HTTP/2 in the clear on both sides; with `--grpc`, calls with a framed message each way and trailers. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from '../e2e/support/ports.ts';
import { compare, requirePeers, type Scene, subfolder } from './compare.ts';
import type { HttpContender, Running } from './contenders/contender.ts';
import { envoyHttp } from './contenders/envoy.ts';
import { fairleadHttp } from './contenders/fairlead.ts';
import { haproxyHttp } from './contenders/haproxy.ts';
import { nghttpx } from './contenders/nghttpx.ts';
import { nginxHttp } from './contenders/nginx.ts';
import { nodeHttp2 } from './contenders/node-http2.ts';
import { routeTable, unroutedPath } from './contenders/route-table.ts';
import { type Checker, exchange, type H2Answer, type H2Request, startChecker } from './h2-exchange.ts';
import type { BenchOptions, BenchReport, Workbench } from './harness/bench.ts';
import { browserHeaders } from './harness/browser-headers.ts';
import { runH2load } from './harness/h2load.ts';
import { requirePath } from './harness/peer-path.ts';

const contenders: readonly HttpContender[] = [fairleadHttp(), haproxyHttp, nghttpx, nginxHttp, envoyHttp, nodeHttp2];

/** What is asked and what has to come back. */
interface Call {
  readonly request: H2Request;
  readonly body: Buffer;
  readonly trailers: Readonly<Record<string, string>>;
}

export async function run(bench: Workbench, options: BenchOptions): Promise<BenchReport> {
  return compare(bench, options, h2Scene(bench, options), contenders);
}

/** Every contender has a backend of its own, on the load's core: nghttpd, after a checker has seen what comes to it. */
export function h2Scene(bench: Workbench, options: BenchOptions): Scene {
  requirePeers('h2load', 'nghttpd');
  if (options.routes > 1) throw new Error('h2 measures one route; --routes is for l7, scale and xds.');
  const { processes, cores } = bench;
  const table = routeTable(1);
  const call = options.grpc ? grpcCall(options) : plainCall(options);
  const files = subfolder(bench, 'h2-backend');
  const answer = path.join(files, call.request.path);
  mkdirSync(path.dirname(answer), { recursive: true });
  writeFileSync(answer, call.body);
  const bodyFile = call.request.body === undefined ? undefined : path.join(files, 'request');
  if (bodyFile !== undefined) writeFileSync(bodyFile, call.request.body ?? '');
  return {
    title: titleOf(options),
    versions: ['backend: nghttpd'],
    load: (port, seconds) =>
      runH2load(processes, {
        ...{ port, path: call.request.path, headers: call.request.headers, bodyFile },
        ...{ connections: options.connections, streams: options.streams, seconds },
        ...{ core: cores.load, folder: bench.folder },
      }),
    start: async (contender) => {
      const [port = 0] = await freePorts(1);
      const folder = subfolder(bench, contender.name);
      const checker = await startChecker(call.body, call.trailers);
      const protocol = options.grpc ? 'grpc' : 'http2';
      const site = { processes, cores, folder, port, backendPort: checker.port, table, protocol } as const;
      let running: Running;
      try {
        running = await contender.start(site);
        await verify(running, call, checker);
      } finally {
        await checker.stop();
      }
      startNghttpd(bench, files, checker.port, call);
      await answered(running, call);
      return running;
    },
  };
}

function titleOf({ grpc, connections, streams, bodyBytes }: BenchOptions): string {
  const what = grpc ? `gRPC-like calls, ${bodyBytes} B messages back` : `10 request headers, ${bodyBytes} B answers`;
  return `HTTP/2 on both sides: ${connections} connections of ${streams} streams, ${what}`;
}

const authority = routeTable(1).requests[0]?.host ?? '';

function plainCall({ bodyBytes }: BenchOptions): Call {
  const lowerCase = Object.entries(browserHeaders).map(([name, value]) => [name.toLowerCase(), value]);
  const headers = { ':authority': authority, ...Object.fromEntries(lowerCase) };
  return { request: { path: '/api/v1/orders/1017', headers }, body: Buffer.alloc(bodyBytes, 'x'), trailers: {} };
}

const requestMessageBytes = 100;

/** Messages are opaque to a proxy; their frames (a flag, four bytes of length) are not needed by one, but are there. */
function grpcCall({ bodyBytes }: BenchOptions): Call {
  const headers = {
    ':authority': authority,
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': 'grpc-node-js/1.14.7',
    'grpc-accept-encoding': 'identity,deflate,gzip',
    'grpc-timeout': '5S',
  };
  const request = { path: `/api/shop.Orders/Get${grpcExtension}`, headers, body: framed(requestMessageBytes) };
  return { request, body: framed(bodyBytes), trailers: { 'grpc-status': '0' } };
}

/** nghttpd tells the type of an answer by it. */
const grpcExtension = '.unary';

function framed(messageBytes: number): Buffer {
  const frame = Buffer.alloc(5 + messageBytes, 'x');
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(messageBytes, 1);
  return frame;
}

/** The canned answer, from a file; with `--grpc` its type and trailers as well. */
function startNghttpd({ processes, cores, folder }: Workbench, files: string, port: number, call: Call): void {
  const types = path.join(folder, 'mime.types');
  writeFileSync(types, `application/grpc ${grpcExtension.slice(1)}\n`);
  const trailers = Object.entries(call.trailers).map(([name, value]) => `--trailer=${name}: ${value}`);
  processes.start({
    name: `nghttpd-${port}`,
    command: requirePath('nghttpd'),
    args: [
      '--no-tls',
      '--address=127.0.0.1',
      `--htdocs=${files}`,
      `--mime-types-file=${types}`,
      ...trailers,
      `${port}`,
    ],
    core: cores.load,
  });
}

const firstAnswerTimeoutMs = 10_000;
const pollMs = 50;

/** Asks until the whole answer comes through. */
async function answered(running: Running, call: Call): Promise<void> {
  const deadline = performance.now() + firstAnswerTimeoutMs;
  for (;;) {
    running.assertAlive();
    const wrong = wrongWith(await exchange(running.port, call.request), call);
    if (wrong === undefined) return;
    if (performance.now() > deadline) {
      throw new Error(`It gave no right answer in ${firstAnswerTimeoutMs} ms; the last one ${wrong}`);
    }
    await delay(pollMs);
  }
}

function wrongWith({ status, body, trailers }: H2Answer, call: Call): string | undefined {
  if (status !== 200) return `was ${status}: ${body.subarray(0, 200)}`;
  if (!body.equals(call.body)) return `had another body: ${body.subarray(0, 80)}`;
  const lost = Object.entries(call.trailers).find(([name, value]) => trailers[name] !== value);
  return lost && `had no trailer ${lost.join(': ')}`;
}

/** Client and backend speak HTTP/2 only, so what goes through was HTTP/2 on both sides. */
async function verify(running: Running, call: Call, checker: Checker): Promise<void> {
  await answered(running, call);
  const seen = checker.seen();
  const forwardedFor = String(seen?.headers['x-forwarded-for']);
  if (!/^[\d.]+$/.test(forwardedFor))
    throw new Error(`It has to add x-forwarded-for; the backend saw ${forwardedFor}.`);
  if (running.addsRequestId && !seen?.headers['x-request-id']) throw new Error('It has to add x-request-id.');
  if (seen?.headers[':path'] !== call.request.path) throw new Error(`It asked for ${seen?.headers[':path']}.`);
  if (!seen.body.equals(call.request.body ?? Buffer.alloc(0))) throw new Error('It changed the body of a request.');
  const unrouted = await exchange(running.port, { path: unroutedPath, headers: { ':authority': authority } });
  if (unrouted.status < 400) throw new Error(`It answered ${unrouted.status} to ${unroutedPath}, which has no route.`);
}
