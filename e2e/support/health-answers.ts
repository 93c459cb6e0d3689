/** Endpoints that answer health checks in every way that there is. */
import { once } from 'node:events';
import net from 'node:net';
import type { Cleanup } from './fairlead.ts';

/** To a check that wants a status of 200 to 299 and perhaps a body with `up` in it. `END`: of the connection. */
const answers: Readonly<Record<string, string>> = {
  '200, sized': 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nup',
  '200, chunked': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nu\r\n1\r\np\r\n0\r\n\r\n',
  '200, to the end of the connection': 'HTTP/1.1 200 OK\r\n\r\nup END',
  '200, as HTTP/1.0': 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nup',
  '200, degraded': 'HTTP/1.1 200 OK\r\nx-envoy-degraded: 1\r\ncontent-length: 2\r\n\r\nup',
  '200 without the block': 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndown',
  '200 with the block far behind': `HTTP/1.1 200 OK\r\ncontent-length: 2002\r\n\r\n${'x'.repeat(2_000)}up`,
  '200, not to its end': 'HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nup',
  '200, cut': 'HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nup END',
  '204': 'HTTP/1.1 204 No Content\r\n\r\n',
  '103 and 200': 'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nup',
  '302': 'HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 2\r\n\r\nup',
  '503': 'HTTP/1.1 503 x\r\ncontent-length: 2\r\n\r\nup',
  '200 in broken chunks': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nup',
  nothing: '',
  'the end at once': ' END',
  'something else': 'SSH-2.0-OpenSSH\r\n\r\n',
};

/** By answer: the port of the endpoint that gives it. */
export async function startAnswers(cleanup: Cleanup): Promise<ReadonlyMap<string, number>> {
  const ports = new Map<string, number>();
  for (const [name, answer] of Object.entries(answers)) ports.set(name, await listen(cleanup, answer));
  return ports;
}

async function listen(cleanup: Cleanup, answer: string): Promise<number> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)));
    socket.on('data', () => {
      if (answer.endsWith(' END')) socket.end(answer.slice(0, -4));
      else socket.write(answer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as net.AddressInfo).port;
}
