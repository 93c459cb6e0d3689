/** gRPC's interop cases and its negative HTTP/2 cases: grpc-js through our node, by documents. */
import { once } from 'node:events';
import net from 'node:net';
import { Client, type ClientOptions, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Connection } from '../proto/http2/connection.ts';
import { errorCodes } from '../proto/http2/errors.ts';
import { bindSocket, socketWriter } from '../proto/http2/socket.ts';
import type { Stream } from '../proto/http2/stream.ts';
import { Cleanup, startControlPlane, startDataPlane, waitFor } from './support/fairlead.ts';
import {
  type InteropAnswer,
  type InteropRequest,
  type InteropServer,
  startInteropServer,
} from './support/grpc-interop.ts';

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const toBytes = (value: InteropRequest): Buffer => Buffer.from(JSON.stringify(value));
const fromBytes = (bytes: Buffer): InteropAnswer => JSON.parse(String(bytes)) as InteropAnswer;
const path = (method: string): string => (method.startsWith('/') ? method : `/grpc.testing.TestService/${method}`);
const zeros = (size: number): string => '0'.repeat(size);

let server: InteropServer;
let port: number;
const negativePorts = new Map<string, number>();

function clientOf(options: ClientOptions = {}): Client {
  const authority = { 'grpc.default_authority': 'grpc.example.com', ...options };
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), authority);
  cleanup.add(() => client.close());
  return client;
}

/** What a call ends with, and what came before. */
interface Outcome {
  readonly answers: readonly InteropAnswer[];
  readonly code: number;
  readonly details: string;
  readonly initial: Metadata;
  readonly trailing: Metadata;
}

const whole = { code: status.OK };
/** How long each answer is, and the status. */
const sizesOf = ({ answers, code }: Outcome) => [code, ...answers.map(({ payload }) => payload?.length)];

function unary(client: Client, method: string, request: InteropRequest, metadata = new Metadata(), timeoutMs = 10_000) {
  return new Promise<Outcome>((resolve) => {
    let initial = new Metadata();
    let answers: readonly InteropAnswer[] = [];
    const call = client.makeUnaryRequest(
      ...([path(method), toBytes, fromBytes, request, metadata, { deadline: Date.now() + timeoutMs }] as const),
      (_error: ServiceError | null, answer?: InteropAnswer) => {
        if (answer !== undefined) answers = [answer];
      },
    );
    call.on('metadata', (received) => {
      initial = received;
    });
    call.on('status', ({ code, details, metadata: trailing }) => {
      setImmediate(() => resolve({ answers, code, details, initial, trailing }));
    });
  });
}

interface Reading {
  on(event: 'data', listener: (answer: InteropAnswer) => void): unknown;
  on(event: 'metadata', listener: (metadata: Metadata) => void): unknown;
  on(event: 'error', listener: () => void): unknown;
  on(event: 'status', listener: (end: { code: number; details: string; metadata: Metadata }) => void): unknown;
}

function outcomeOf(call: Reading): { readonly answers: InteropAnswer[]; readonly end: Promise<Outcome> } {
  const answers: InteropAnswer[] = [];
  let initial = new Metadata();
  call.on('metadata', (received) => {
    initial = received;
  });
  call.on('data', (answer) => answers.push(answer));
  call.on('error', () => {});
  const end = new Promise<Outcome>((resolve) => {
    call.on('status', ({ code, details, metadata }) =>
      setImmediate(() => resolve({ answers, code, details, initial, trailing: metadata })),
    );
  });
  return { answers, end };
}

const deadline = (): { deadline: number } => ({ deadline: Date.now() + 10_000 });
const duplex = (client: Client, metadata = new Metadata()) =>
  client.makeBidiStreamRequest(path('FullDuplexCall'), toBytes, fromBytes, metadata, deadline());

beforeAll(async () => {
  server = await startInteropServer(cleanup);
  for (const name of Object.keys(negatives)) negativePorts.set(name, await startNegativeServer(negatives[name]!));
  const controlPlane = await startControlPlane(cleanup);
  const documents = [
    '{ kind: NodeGroup, name: edge }',
    '{ kind: Listener, name: public, spec: { groups: edge, address: 127.0.0.1, port: 0 } }',
    `{ kind: Cluster, name: interop, spec: { protocol: grpc, endpoints: { address: 127.0.0.1, port: ${server.port} } } }`,
    '{ kind: Route, name: interop, spec: { hosts: grpc.example.com, to: { cluster: interop } } }',
    ...[...negativePorts].flatMap(([name, own]) => [
      `{ kind: Cluster, name: ${name}, spec: { protocol: grpc, endpoints: { address: 127.0.0.1, port: ${own} } } }`,
      `{ kind: Route, name: ${name}, spec: { hosts: ${name}.example.com, to: { cluster: ${name} } } }`,
    ]),
  ];
  await controlPlane.apply(documents.join('\n---\n'));
  port = await (await startDataPlane(cleanup, controlPlane, 'edge', 'ours')).port('public');
});

describe('interop', () => {
  test('empty_unary', async () => {
    expect(await unary(clientOf(), 'EmptyCall', {})).toMatchObject({ answers: [{}], ...whole });
  });

  test.each(['UnaryCall', 'CacheableUnaryCall'])('cacheable_unary and large_unary: %s', async (method) => {
    const request = { sizes: [314_159], payload: zeros(271_828) };
    expect(sizesOf(await unary(clientOf(), method, request))).toEqual([status.OK, 314_159]);
  });

  test('client_compressed_unary', async () => {
    for (const compressed of [true, false]) {
      const client = clientOf(compressed ? { 'grpc.default_compression_algorithm': 2 } : {});
      const right = { expectCompressed: compressed, sizes: [314_159], payload: zeros(271_828) };
      expect((await unary(client, 'UnaryCall', right)).answers[0]!.payload?.length).toBe(314_159);
      const wrong = { ...right, expectCompressed: !compressed };
      expect((await unary(client, 'UnaryCall', wrong)).code).toBe(status.INVALID_ARGUMENT);
    }
  });

  test('server_compressed_unary', async () => {
    for (const compressed of [true, false]) {
      const request = { sizes: [314_159], compressed: [compressed], payload: zeros(271_828) };
      expect(sizesOf(await unary(clientOf(), 'UnaryCall', request))).toEqual([status.OK, 314_159]);
    }
  });

  const sizes = [27_182, 8, 1_828, 45_904];
  test('client_streaming', async () => {
    const { end, call } = inputCall(clientOf());
    for (const size of sizes) call.write({ payload: zeros(size) });
    call.end();
    expect(await end).toEqual({ code: status.OK, total: 74_922 });
  });

  test('client_compressed_streaming', async () => {
    const { end, call } = inputCall(clientOf({ 'grpc.default_compression_algorithm': 2 }));
    call.write({ payload: zeros(27_182), expectCompressed: true });
    // grpc-js takes flags in the place of an encoding: 2 is "not compressed"
    call.write({ payload: zeros(45_904), expectCompressed: false }, '2' as never);
    call.end();
    expect(await end).toEqual({ code: status.OK, total: 73_086 });
  });

  const outputSizes = [31_415, 9, 2_653, 58_979];
  test.each([
    ['server_streaming', []],
    ['server_compressed_streaming', [true, false, true, false]],
  ])('%s', async (_, compressed) => {
    const request = { sizes: outputSizes, compressed };
    const call = clientOf().makeServerStreamRequest(
      path('StreamingOutputCall'),
      toBytes,
      fromBytes,
      request,
      deadline(),
    );
    const { answers, code } = await outcomeOf(call).end;
    expect([code, answers.map(({ payload }) => payload?.length)]).toEqual([status.OK, outputSizes]);
  });

  test('ping_pong', async () => {
    const call = duplex(clientOf());
    const { answers, end } = outcomeOf(call);
    for (let i = 0; i < sizes.length; i++) {
      call.write({ sizes: [outputSizes[i]!], payload: zeros(sizes[i]!) });
      while (answers.length === i) await once(call, 'data');
    }
    call.end();
    expect(await end).toMatchObject(whole);
    expect(answers.map(({ payload }) => payload?.length)).toEqual(outputSizes);
  });

  test('empty_stream', async () => {
    const call = duplex(clientOf());
    call.end();
    expect(await outcomeOf(call).end).toMatchObject({ answers: [], ...whole });
  });

  test('custom_metadata', async () => {
    const metadata = new Metadata();
    metadata.set('x-grpc-test-echo-initial', 'test_initial_metadata_value');
    metadata.set('x-grpc-test-echo-trailing-bin', Buffer.from([0x0a, 0x0b, 0x0a, 0x0b, 0x0a, 0x0b]));
    const call = duplex(clientOf(), metadata);
    const { end } = outcomeOf(call);
    call.write({ sizes: [314_159], payload: zeros(271_828) });
    call.end();
    for (const { initial, trailing } of [await unary(clientOf(), 'UnaryCall', { sizes: [1] }, metadata), await end]) {
      expect(initial.get('x-grpc-test-echo-initial')).toEqual(['test_initial_metadata_value']);
      expect(trailing.get('x-grpc-test-echo-trailing-bin')).toEqual([Buffer.from('0a0b0a0b0a0b', 'hex')]);
    }
  });

  test('status_code_and_message', async () => {
    const end = { code: 2, message: 'test status message' };
    const expected = { code: 2, details: 'test status message' };
    expect(await unary(clientOf(), 'UnaryCall', { status: end })).toMatchObject(expected);
    const call = duplex(clientOf());
    call.write({ status: end });
    call.end();
    expect(await outcomeOf(call).end).toMatchObject(expected);
  });

  test('special_status_message', async () => {
    const message = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';
    expect(await unary(clientOf(), 'UnaryCall', { status: { code: 2, message } })).toMatchObject({ details: message });
  });

  test('unimplemented_method and unimplemented_service', async () => {
    const client = clientOf();
    expect((await unary(client, 'UnimplementedCall', {})).code).toBe(status.UNIMPLEMENTED);
    expect((await unary(client, '/grpc.testing.UnimplementedService/UnimplementedCall', {})).code).toBe(
      status.UNIMPLEMENTED,
    );
  });

  test('cancel_after_begin', async () => {
    const { call, end } = inputCall(clientOf());
    call.cancel();
    expect((await end).code).toBe(status.CANCELLED);
  });

  test('cancel_after_first_response', async () => {
    const call = duplex(clientOf());
    const { end } = outcomeOf(call);
    call.write({ sizes: [31_415], payload: zeros(27_182), hold: true });
    await once(call, 'data');
    call.cancel();
    expect((await end).code).toBe(status.CANCELLED);
    await waitFor('the endpoint to hear of it', () => server.cancelled.includes(path('FullDuplexCall')) || undefined);
  });

  test('timeout_on_sleeping_server', async () => {
    const client = clientOf();
    await waitFor('the endpoint to hear of it', async () => {
      // on a busy machine the time of a call may be up before it has left
      const { code } = await unary(client, 'Sleep', {}, new Metadata(), 200);
      expect(code).toBe(status.DEADLINE_EXCEEDED);
      return server.cancelled.includes(path('Sleep')) || undefined;
    });
  });

  function inputCall(client: Client) {
    let total: number | undefined;
    const call = client.makeClientStreamRequest(
      ...([path('StreamingInputCall'), toBytes, fromBytes, new Metadata(), deadline()] as const),
      (_error: ServiceError | null, answer?: InteropAnswer) => {
        total = answer?.total;
      },
    );
    const end = new Promise<{ code: number; total: number | undefined }>((resolve) => {
      call.on('status', ({ code }) => setImmediate(() => resolve({ code, total })));
    });
    return { call, end };
  }
});

/** What an endpoint does with a call that has come whole; `nth` of its connection, from 0. */
interface Negative {
  readonly maxStreams?: number;
  readonly onCall: (stream: Stream, connection: Connection, nth: number) => void;
}

const head = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
] as const;
const payload = toBytes({ payload: zeros(314_159) });
const message = Buffer.concat([Buffer.from([0, 0, 0, 0, 0]), payload]);
message.writeUInt32BE(payload.length, 1);
const answerCall = (stream: Stream): void => {
  stream.headers(head, false);
  stream.data(message, false);
  stream.trailers([['grpc-status', '0']]);
};

const negatives: Readonly<Record<string, Negative>> = {
  goaway: {
    onCall(stream, connection) {
      answerCall(stream);
      connection.drain();
    },
  },
  'rst-after-header': {
    onCall(stream, connection) {
      stream.headers(head, false);
      connection.flushNow();
      stream.reset(errorCodes.INTERNAL_ERROR);
    },
  },
  'rst-during-data': {
    onCall(stream, connection) {
      stream.headers(head, false);
      stream.data(message.subarray(0, 10_000), false);
      connection.flushNow();
      stream.reset(errorCodes.INTERNAL_ERROR);
    },
  },
  'rst-after-data': {
    onCall(stream, connection) {
      stream.headers(head, false);
      stream.data(message.subarray(0, 5), false);
      connection.flushNow();
      stream.reset(errorCodes.INTERNAL_ERROR);
    },
  },
  ping: {
    onCall(stream, connection) {
      connection.ping(() => {});
      stream.headers(head, false);
      connection.ping(() => {});
      stream.data(message.subarray(0, 10_000), false);
      connection.ping(() => {});
      stream.data(message.subarray(10_000), false);
      connection.ping(() => stream.trailers([['grpc-status', '0']]));
    },
  },
  'max-streams': { maxStreams: 1, onCall: answerCall },
};

async function startNegativeServer({ maxStreams = 100, onCall }: Negative): Promise<number> {
  const sockets = new Set<net.Socket>();
  const listening = net.createServer((socket) => {
    sockets.add(socket);
    let calls = 0;
    const connection: Connection = new Connection({
      role: 'server',
      writer: socketWriter(socket),
      settings: { maxConcurrentStreams: maxStreams },
      handlers: {
        headers: () => {},
        data: (stream, _chunk, endStream) => endStream && onCall(stream, connection, calls++),
        trailers: () => {},
        ...{ ended: () => {}, reset: () => {}, goAway: () => {}, closed: () => {} },
      },
    });
    bindSocket(socket, connection);
  });
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  cleanup.add(() => {
    for (const socket of sockets) socket.destroy();
    listening.close();
  });
  return (listening.address() as net.AddressInfo).port;
}

describe('an endpoint that strains HTTP/2', () => {
  const ask = (client: Client) => unary(client, 'UnaryCall', { payload: 'x' });
  const clientTo = (name: string): Client => clientOf({ 'grpc.default_authority': `${name}.example.com` });

  test('goaway: each call of a row is answered, each on a connection of its own', async () => {
    const client = clientTo('goaway');
    for (let i = 0; i < 3; i++) expect(sizesOf(await ask(client))).toEqual([status.OK, 314_159]);
  });

  test.each(['rst-after-header', 'rst-during-data', 'rst-after-data'])(
    '%s: the call fails, the next one is asked',
    async (name) => {
      const client = clientTo(name);
      for (let i = 0; i < 2; i++) {
        const { code, answers } = await ask(client);
        expect([code === status.OK, answers]).toEqual([false, []]);
      }
    },
  );

  test('ping: pings in between are answered', async () => {
    expect(sizesOf(await ask(clientTo('ping')))).toEqual([status.OK, 314_159]);
  });

  test('max_streams: ten calls at a time at an endpoint that takes one', async () => {
    const client = clientTo('max-streams');
    await ask(client);
    const ends = await Promise.all(Array.from({ length: 10 }, () => ask(client)));
    expect(ends.map(({ code }) => code)).toEqual(Array.from({ length: 10 }, () => status.OK));
  });
});
