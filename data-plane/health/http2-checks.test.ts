import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Connection } from '../../proto/http2/connection.ts';
import { errorCodes } from '../../proto/http2/errors.ts';
import { bindSocket, socketWriter } from '../../proto/http2/socket.ts';
import type { Stream } from '../../proto/http2/stream.ts';
import type { ProbeConfig } from '../model/config.ts';
import { endpointOf } from '../testing.ts';
import { type ProbeTarget, probe } from './probe.ts';
import { checkOf, healthCheckOf } from './testing.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Asked {
  readonly fields: readonly string[];
  readonly body: Buffer;
}

/** What came of a check of an endpoint that answers each request as `answer` does, and what it was asked. */
async function check(
  config: ProbeConfig,
  answer: (stream: Stream) => void,
): Promise<{ outcome: string; asked: Asked }> {
  let asked: Asked = { fields: [], body: Buffer.alloc(0) };
  const onSocket = (socket: net.Socket): void => {
    const connection: Connection = new Connection({
      role: 'server',
      writer: socketWriter(socket),
      handlers: {
        headers(stream, fields, endStream) {
          asked = { ...asked, fields: fields.map(({ name, value }) => `${name}: ${value}`) };
          if (endStream) answer(stream);
        },
        data(stream, chunk, endStream) {
          asked = { ...asked, body: Buffer.concat([asked.body, chunk]) };
          if (endStream) answer(stream);
        },
        ...{ trailers() {}, ended() {}, reset() {}, goAway() {}, closed() {} },
      },
    });
    bindSocket(socket, connection);
  };
  return { outcome: await checkServer(config, onSocket), asked };
}

/** Waits until nothing is left behind. */
async function checkServer(config: ProbeConfig, onSocket: (socket: net.Socket) => void): Promise<string> {
  const closed: Promise<void>[] = [];
  const server = net.createServer((socket) => {
    // who has heard enough may reset what is still being said
    socket.on('error', () => undefined);
    closed.push(new Promise((resolve) => socket.once('close', () => resolve())));
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  const target = endpointOf((server.address() as net.AddressInfo).port);
  const outcome = await new Promise<string>((resolve) => {
    const deps = {
      connect: ({ address: host, port }: ProbeTarget) => net.connect({ host, port }),
      setTimer: () => () => {},
    };
    probe(healthCheckOf(config), target, deps, ({ type, reason }) =>
      resolve(reason === '' ? type : `${type}: ${reason}`),
    );
  });
  await Promise.all(closed);
  return outcome;
}

const http2 = checkOf({ http2: true });
const head = (status: string, ...fields: [string, string][]): [string, string][] => [[':status', status], ...fields];

test.each<[string, string, (stream: Stream) => void]>([
  ['200', 'passed', (stream) => stream.headers(head('200'), true)],
  [
    'an early hint and 200',
    'passed',
    (stream) => [head('103'), head('200')].map((fields) => stream.headers(fields, fields[0]![1] === '200')),
  ],
  ['503', 'failed: status 503', (stream) => stream.headers(head('503'), true)],
  [
    'degraded',
    'degraded: it calls itself degraded',
    (stream) => stream.headers(head('200', ['x-envoy-degraded', '1']), true),
  ],
  ['a reset', 'network: the stream was reset with code 7', (stream) => stream.reset(errorCodes.REFUSED_STREAM)],
])('an HTTP/2 check that is answered with %s: %s', async (_, expected, answer) => {
  const { outcome, asked } = await check(http2, answer);
  expect(outcome).toBe(expected);
  const line = [':method: GET', ':scheme: http', ':path: /healthz', ':authority: orders.internal'];
  expect(asked.fields).toEqual([...line, 'user-agent: Fairlead/HC']);
});

test('an HTTP/2 check of an endpoint that speaks HTTP/1.1 only is a failure of the network', async () => {
  const outcome = await checkServer(http2, (socket) => socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  expect(outcome).toBe('network: the answer is no HTTP/2');
});

test.each([
  ['I am up', 'passed'],
  ['I am down', 'failed: the body lacks what is expected'],
])('an HTTP/2 check reads the body %j: %s', async (body, expected) => {
  const { outcome } = await check({ ...http2, receive: [Buffer.from('up')] }, (stream) => {
    stream.headers(head('200'), false);
    for (const letter of body) stream.data(Buffer.from(letter), false);
    stream.end();
  });
  expect(outcome).toBe(expected);
});

const own = [
  { name: 'x-check', value: '1' },
  { name: 'user-agent', value: 'mine' },
  { name: 'host', value: 'other' },
];

test('a check says its method and its own headers, in either version of HTTP', async () => {
  const { asked } = await check({ ...http2, method: 'POST', headers: own }, (stream) =>
    stream.headers(head('200'), true),
  );
  const line = [':method: POST', ':scheme: http', ':path: /healthz', ':authority: other'];
  expect(asked.fields).toEqual([...line, 'user-agent: mine', 'content-length: 0', 'x-check: 1']);
  let text = '';
  await checkServer(checkOf({ method: 'POST', headers: own }), (socket) => {
    socket.on('data', (chunk) => {
      text += chunk;
      if (text.endsWith('\r\n\r\n')) socket.end('HTTP/1.1 200 OK\r\n\r\n');
    });
  });
  const lines = ['POST /healthz HTTP/1.1', 'host: other', 'user-agent: mine', 'content-length: 0', 'x-check: 1'];
  expect(text).toBe([...lines, 'connection: close', '', ''].join('\r\n'));
});

test('headers that HTTP/2 does not carry fail the check, not the node', async () => {
  const headers = [{ name: 'upgrade', value: 'x' }];
  const { outcome } = await check({ ...http2, headers }, () => {});
  expect(outcome).toMatch(/^network: The request may not be sent: .*upgrade/);
});

const grpc = { type: 'grpc', service: 'shop.Orders', authority: 'orders.internal' } as const;
const grpcHead = head('200', ['content-type', 'application/grpc+proto']);
const message = (...bytes: number[]): Buffer => Buffer.from([0, 0, 0, 0, bytes.length, ...bytes]);
const answerWith =
  (data: Buffer, status: string) =>
  (stream: Stream): void => {
    stream.headers(grpcHead, false);
    for (const byte of data) stream.data(Buffer.from([byte]), false);
    stream.trailers([['grpc-status', status]]);
  };

test('a gRPC check asks for the health of its service', async () => {
  const { asked } = await check(grpc, answerWith(message(8, 1), '0'));
  expect(asked.fields).toEqual([
    ...[':method: POST', ':scheme: http', ':path: /grpc.health.v1.Health/Check', ':authority: orders.internal'],
    ...['te: trailers', 'content-type: application/grpc', 'user-agent: Fairlead/HC'],
  ]);
  expect(asked.body).toEqual(message(10, 11, ...Buffer.from('shop.Orders')));
  const { asked: ofServer } = await check({ ...grpc, service: '' }, answerWith(message(8, 1), '0'));
  expect(ofServer.body).toEqual(message());
});

test.each<[string, string, (stream: Stream) => void]>([
  ['SERVING', 'passed', answerWith(message(8, 1), '0')],
  ['NOT_SERVING', 'failed: NOT_SERVING', answerWith(message(8, 2), '0')],
  ['SERVICE_UNKNOWN', 'failed: SERVICE_UNKNOWN', answerWith(message(8, 3), '0')],
  ['an empty message', 'failed: UNKNOWN', answerWith(message(), '0')],
  ['SERVING, with an error', 'failed: gRPC status 14', answerWith(message(8, 1), '14')],
  ['no message', 'failed: the answer is no HealthCheckResponse', answerWith(Buffer.alloc(0), '0')],
  [
    'two messages',
    'failed: the answer is no HealthCheckResponse',
    answerWith(Buffer.concat([message(8, 1), message(8, 1)]), '0'),
  ],
  [
    'endless bytes',
    'failed: the answer is no HealthCheckResponse',
    (stream) => {
      stream.headers(grpcHead, false);
      stream.data(Buffer.alloc(10_000), false);
    },
  ],
  ['trailers only', 'failed: gRPC status 12', (stream) => stream.headers([...grpcHead, ['grpc-status', '12']], true)],
  ['no status', 'failed: no gRPC status', (stream) => stream.headers(grpcHead, true)],
  [
    'a page',
    'failed: the answer is no gRPC',
    (stream) => stream.headers(head('200', ['content-type', 'text/html']), true),
  ],
  ['HTTP status 404', 'failed: HTTP status 404', (stream) => stream.headers(head('404'), true)],
  ['a reset', 'network: the stream was reset with code 8', (stream) => stream.reset(errorCodes.CANCEL)],
])('a gRPC check that is answered with %s: %s', async (_, expected, answer) => {
  expect((await check(grpc, answer)).outcome).toBe(expected);
});
