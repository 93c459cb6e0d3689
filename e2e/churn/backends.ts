/** Servers that say who they are: most at once, some slowly and in two halves, so that a change finds them at work. */
import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import type { Cleanup } from '../support/fairlead.ts';
import type { Random } from './changes.ts';

export interface Backends {
  readonly ports: readonly number[];
}

const slowestHealthMs = 60;
const slowestAnswerMs = 300;

/** Answers `{ backend, received }`: its index, and the bytes of the request's body. `?slow` takes its time. */
export async function startBackends(cleanup: Cleanup, count: number, random: Random): Promise<Backends> {
  const ports = await Promise.all(Array.from({ length: count }, (_, backend) => start(cleanup, backend, random)));
  return { ports };
}

async function start(cleanup: Cleanup, backend: number, random: Random): Promise<number> {
  const server = http.createServer((request, response) => {
    let received = 0;
    request.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    request.on('end', () => {
      const url = request.url ?? '';
      if (url === '/healthz') {
        setTimeout(() => response.end('well'), random() * slowestHealthMs);
        return;
      }
      const text = JSON.stringify({ backend, received });
      response.setHeader('content-type', 'application/json');
      if (!url.includes('slow')) {
        setTimeout(() => response.end(text), random() * 4);
        return;
      }
      response.write(text.slice(0, 1));
      setTimeout(() => response.end(text.slice(1)), random() * slowestAnswerMs);
    });
  });
  // pools of the proxies decide when a connection ends
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as net.AddressInfo).port;
}
