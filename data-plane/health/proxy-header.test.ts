/** Checks of endpoints that want a PROXY header. */
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { readTold } from '../codec/proxy-reading-testing.ts';
import type { ProbeConfig } from '../model/config.ts';
import { type ProbeDeps, probe } from './probe.ts';
import { checkOf } from './testing.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** Answers what it is asked behind a header. */
async function startEndpoint(question: string, answer: string) {
  const heard: string[] = [];
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    let all = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      all = Buffer.concat([all, chunk]);
      const told = readTold(all);
      if (told === null || !told.rest.startsWith(question)) return;
      heard.push(told.who);
      socket.end(answer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(() => new Promise((resolve) => server.close(() => resolve())));
  return { heard, target: { address: '127.0.0.1', port: (server.address() as net.AddressInfo).port } };
}

const deps: ProbeDeps = {
  connect: ({ address: host, port }) => net.connect({ host, port }),
  setTimer: () => () => {},
};

const tcp: ProbeConfig = { type: 'tcp', send: Buffer.from('PING'), receive: [Buffer.from('PONG')] };
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

test.each([
  ['TCP', 1, tcp, 'PING', 'PONG', 'passed'],
  ['TCP', 2, tcp, 'PING', 'PONG', 'passed'],
  ['HTTP/1.1', 1, checkOf(), 'GET /healthz', 'HTTP/1.1 200 OK\r\n\r\n', 'passed'],
  ['HTTP/1.1', 2, checkOf(), 'GET /healthz', 'HTTP/1.1 200 OK\r\n\r\n', 'passed'],
  // no answer is given; what counts is what was asked
  ['HTTP/2', 2, checkOf({ http2: true }), preface, '', 'network'],
  ['gRPC', 1, { type: 'grpc', service: '', authority: 'a' }, preface, '', 'network'],
] as const)(
  'a check by %s says in version %i first that it is for nobody',
  async (_, proxyHeader, check, question, answer, type) => {
    const { heard, target } = await startEndpoint(question, answer);
    const outcome = await new Promise((resolve) => {
      probe({ check, timeoutMs: 1_000, proxyHeader }, target, deps, resolve);
    });
    expect(outcome).toMatchObject({ type });
    expect(heard).toEqual(['own']);
  },
);
