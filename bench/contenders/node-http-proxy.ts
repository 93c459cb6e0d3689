/**
 * The baseline: a proxy on `node:http` with a keep-alive agent and the same features as the others.
 * Usage: node node-http-proxy.ts PORT BACKEND_PORT ACCESS_LOG TIMEOUT_MS ROUTES
 * ROUTES is a file: `{"HOST": ["/PREFIX/", ...]}`. A host's prefixes are gone through in order.
 */
import { randomUUID } from 'node:crypto';
import { createWriteStream, readFileSync } from 'node:fs';
import http from 'node:http';

const [port, backendPort, accessLog = '', timeoutMs, routes = ''] = process.argv.slice(2);
const prefixesByHost = new Map<string, string[]>(Object.entries(JSON.parse(readFileSync(routes, 'utf8'))));
const agent = new http.Agent({ keepAlive: true, maxSockets: 1024 });
const log = createWriteStream(accessLog, { flags: 'a' });
const requestsByStatus = new Map<number, number>();

const server = http.createServer((request, response) => {
  const start = performance.now();
  const requestId = randomUUID();
  const finish = (status: number): void => {
    requestsByStatus.set(status, (requestsByStatus.get(status) ?? 0) + 1);
    const { method, url, headers } = request;
    const durationMs = Math.round(performance.now() - start);
    const entry = { time: new Date(), method, url, authority: headers.host, status, durationMs, requestId };
    log.write(`${JSON.stringify(entry)}\n`);
  };
  const prefixes = prefixesByHost.get(request.headers.host ?? '') ?? [];
  if (!prefixes.some((prefix) => request.url?.startsWith(prefix))) {
    response.writeHead(404).end();
    finish(404);
    return;
  }
  const { connection: _, ...kept } = request.headers;
  const headers = { ...kept, 'x-forwarded-for': request.socket.remoteAddress, 'x-request-id': requestId };
  const upstream = http.request(
    { agent, host: '127.0.0.1', port: Number(backendPort), method: request.method, path: request.url, headers },
    (answer) => {
      const { connection: _, 'keep-alive': __, ...answerHeaders } = answer.headers;
      response.writeHead(answer.statusCode ?? 502, answerHeaders);
      answer.pipe(response);
      answer.once('end', () => finish(answer.statusCode ?? 502));
    },
  );
  upstream.setTimeout(Number(timeoutMs), () => upstream.destroy(new Error('timeout')));
  upstream.once('error', () => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502).end();
    finish(502);
  });
  request.pipe(upstream);
});
server.keepAliveTimeout = 0;
server.listen(Number(port), '127.0.0.1', 4096);
