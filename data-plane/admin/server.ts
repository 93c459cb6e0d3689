/** The admin interface of a node: a small HTTP server beside the traffic, for people and scrapers on the same machine. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as otherWork } from 'node:timers/promises';
import { type Answer, hostPort, text } from './answer.ts';
import { listOfPages, type Method, type Page, pages } from './pages.ts';
import type { AdminParts } from './parts.ts';

export interface AdminServer {
  /** `ip:port` */
  readonly address: string;
  close(): Promise<void>;
}

export interface AdminOptions {
  /** Port 0: any free one. */
  readonly address: { readonly address: string; readonly port: number };
  readonly parts: AdminParts;
}

const limits = { connections: 100, requestTimeoutMs: 10_000, pieceLength: 64 * 1024 };

/** Rejects with an Error that says what to do where the address can't be had; its `code` is the system's. */
export async function startAdmin({ address, parts }: AdminOptions): Promise<AdminServer> {
  const server = http.createServer({ requestTimeout: limits.requestTimeoutMs }, (request, response) => {
    void respond(request, response, parts);
  });
  server.maxConnections = limits.connections;
  await listen(server, address);
  const bound = server.address() as AddressInfo;
  return {
    address: hostPort(bound.address, bound.port),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: http.Server, { address, port }: AdminOptions['address']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const at = hostPort(address, port);
      const message =
        error.code === 'EADDRINUSE'
          ? `the admin address ${at} is in use by another process: stop it, or take another with --admin ADDR:PORT or FAIRLEAD_ADMIN`
          : `the admin address ${at} can't be bound (${error.message}): take another with --admin ADDR:PORT or FAIRLEAD_ADMIN`;
      reject(Object.assign(new Error(message), { code: error.code }));
    });
    server.listen({ host: address, port }, () => {
      server.removeAllListeners('error');
      server.on('error', () => undefined);
      resolve();
    });
  });
}

async function respond(request: http.IncomingMessage, response: http.ServerResponse, parts: AdminParts): Promise<void> {
  request.resume();
  response.on('error', () => undefined);
  try {
    const { status, contentType, body } = await answer(request, parts);
    response.writeHead(status, {
      'content-type': contentType,
      'cache-control': 'no-cache, max-age=0',
      'x-content-type-options': 'nosniff',
      ...(status === 405 ? { allow: 'GET, HEAD, POST' } : {}),
    });
    if (typeof body === 'string') response.end(body);
    else await sendPieces(response, body);
  } catch (error) {
    if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(`this page failed: ${(error as Error).message}\n`);
  }
}

function answer(request: http.IncomingMessage, parts: AdminParts): Answer | Promise<Answer> {
  const target = request.url ?? '/';
  const queryAt = target.indexOf('?');
  const path = queryAt < 0 ? target : target.slice(0, queryAt);
  const page = pages.find((one) => one.path === path);
  if (page === undefined) return text(`there is no such page; there are:\n${listOfPages()}`, 404);
  const method = methodOf(request, page);
  if (method === undefined) return text(`${path} wants ${page.methods.join(' or ')}: ${page.help}\n`, 405);
  if (method === 'POST' && isFromElsewhere(request)) {
    return text('a web page of another origin may not do this: use a command line, or the page of this server\n', 403);
  }
  const query = new URLSearchParams(queryAt < 0 ? '' : target.slice(queryAt + 1));
  const unknown = [...query.keys()].find((key) => !page.parameters?.includes(key));
  if (unknown !== undefined) {
    const known = page.parameters?.join(', ') ?? 'none';
    return text(`${path} has no parameter ${JSON.stringify(unknown)}; it has: ${known}\n`, 400);
  }
  return page.answer(parts, query, method);
}

function methodOf(request: http.IncomingMessage, page: Page): Method | undefined {
  const asked = request.method === 'HEAD' ? 'GET' : request.method;
  return page.methods.find((method) => method === asked);
}

/** Browsers say where a POST comes from. */
function isFromElsewhere({ headers }: http.IncomingMessage): boolean {
  return headers.origin !== undefined && headers.origin !== `http://${headers.host}`;
}

/** Between pieces the loop does other work, and a slow reader is waited for. */
async function sendPieces(response: http.ServerResponse, pieces: Iterable<string>): Promise<void> {
  let waiting = '';
  for (const piece of pieces) {
    waiting += piece;
    if (waiting.length < limits.pieceLength) continue;
    const taken = response.write(waiting);
    waiting = '';
    if (taken) await otherWork();
    else await drained(response);
    if (response.destroyed) return;
  }
  response.end(waiting);
}

function drained(response: http.ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const goOn = (): void => {
      response.off('drain', goOn).off('close', goOn);
      resolve();
    };
    response.on('drain', goOn).on('close', goOn);
  });
}
