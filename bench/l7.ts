/** `l7`: HTTP/1.1 on both sides. What a request costs the proxy, beside the native ones and plain `node:http`. */
import path from 'node:path';
import { freePorts } from '../e2e/support/ports.ts';
import { type Backend, featuresPath, startBackend } from './backend.ts';
import { compare, requirePeers, type Scene, subfolder } from './compare.ts';
import type { HttpContender, Running } from './contenders/contender.ts';
import { envoyHttp } from './contenders/envoy.ts';
import { fairleadHttp } from './contenders/fairlead.ts';
import { haproxyHttp } from './contenders/haproxy.ts';
import { nghttpx } from './contenders/nghttpx.ts';
import { nginxHttp } from './contenders/nginx.ts';
import { nodeHttp } from './contenders/node-http.ts';
import { type RouteTable, routeTable, unroutedPath } from './contenders/route-table.ts';
import { ask, waitFor200 } from './harness/ask.ts';
import type { BenchOptions, BenchReport, Workbench } from './harness/bench.ts';
import { browserHeaders } from './harness/browser-headers.ts';
import { runWrk } from './harness/wrk.ts';

const httpContenders: readonly HttpContender[] = [fairleadHttp(), haproxyHttp, nginxHttp, nghttpx, envoyHttp, nodeHttp];

export async function run(bench: Workbench, options: BenchOptions): Promise<BenchReport> {
  return compare(bench, options, await httpScene(bench, options), httpContenders);
}

function titleOf({ connections, bodyBytes, routes }: BenchOptions): string {
  const routing = routes === 1 ? 'one route' : `${routes} routes`;
  return `HTTP/1.1: ${connections} keep-alive connections, 10 request headers, ${bodyBytes} B answers, ${routing}`;
}

/** Starts the backend on the load's core; without it, or without wrk, nothing can be measured, and it throws. */
export async function httpScene(bench: Workbench, options: BenchOptions): Promise<Scene> {
  requirePeers('nginx', 'wrk');
  const { processes, cores } = bench;
  const table = routeTable(options.routes);
  const backend = await startBackend({
    processes,
    folder: subfolder(bench, 'backend'),
    core: cores.load,
    bodyBytes: options.bodyBytes,
    table,
  });
  return {
    title: titleOf(options),
    versions: [`backend: ${backend.version}`],
    load: (port, seconds) =>
      runWrk(processes, {
        port,
        headers: browserHeaders,
        requests: table.requests,
        connections: options.connections,
        seconds,
        core: cores.load,
        report: path.join(bench.folder, 'wrk.out'),
      }),
    start: async (contender) => {
      const [port = 0] = await freePorts(1);
      const folder = subfolder(bench, contender.name);
      const backendPort = backend.port;
      const running = await contender.start({ processes, cores, folder, port, backendPort, table, protocol: 'http1' });
      await verify(running, table, backend);
      return running;
    },
  };
}

/** Of the first answer: a large table takes a while to be read. */
const firstAnswerTimeoutMs = 30_000;

/** Every request of the load, once, and one that no route is for. */
async function verify(running: Running, table: RouteTable, backend: Backend): Promise<void> {
  const { assertAlive, addsRequestId } = running;
  const origin = `http://127.0.0.1:${running.port}`;
  for (const request of table.requests) {
    const options = { headers: { host: request.host }, timeoutMs: firstAnswerTimeoutMs, assertAlive };
    const features = await waitFor200(`${origin}${featuresPath(request)}`, options);
    // Envoy writes an address of the machine instead of a loopback peer
    if (!(addsRequestId ? /^[\d.]+ \S+$/ : /^[\d.]+ $/).test(features)) {
      throw new Error(`It has to add x-forwarded-for and x-request-id; the backend saw "${features}".`);
    }
    const body = await waitFor200(`${origin}${request.path}`, options);
    if (body !== backend.body) throw new Error(`It changed an answer: ${body.slice(0, 80)}`);
  }
  const [{ host } = { host: '' }] = table.requests;
  const { status } = await ask(`${origin}${unroutedPath}`, { host });
  if (status < 400) throw new Error(`It answered ${status} to ${unroutedPath}, for which it has no route.`);
}
