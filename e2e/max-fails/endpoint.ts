/** An endpoint whose requests fail as it is told. */
import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import type { Cleanup } from '../support/fairlead.ts';

export type Mood = 'well' | 'error' | 'reset' | 'slow';

export interface Endpoint {
  readonly port: number;
  readonly key: string;
  mood: Mood;
  requests: number;
  /** Answers what waits for it. */
  release(): void;
}

/** Its probe is fine, whatever its requests meet. */
export async function startEndpoint(cleanup: Cleanup, mood: Mood = 'well'): Promise<Endpoint> {
  const held: http.ServerResponse[] = [];
  const server = http.createServer((asked, answer) => {
    if (asked.url === '/healthz') {
      answer.end();
      return;
    }
    endpoint.requests++;
    if (endpoint.mood === 'reset') asked.socket.resetAndDestroy();
    else if (endpoint.mood === 'slow') held.push(answer);
    else answer.writeHead(endpoint.mood === 'error' ? 500 : 200).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as net.AddressInfo;
  const release = (): void => {
    for (const answer of held.splice(0)) answer.end();
  };
  const endpoint = { port, key: `127.0.0.1:${port}`, mood, requests: 0, release };
  return endpoint;
}
