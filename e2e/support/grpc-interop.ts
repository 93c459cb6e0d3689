/**
 * The test service of gRPC's interop cases, on Node's own HTTP/2: it sees which messages come compressed, and says which
 * go so. https://github.com/grpc/grpc, doc/interop-test-descriptions.md. Messages are JSON instead of protobuf.
 */
import { once } from 'node:events';
import http2 from 'node:http2';
import type net from 'node:net';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Cleanup } from './fairlead.ts';

export interface InteropRequest {
  /** Bytes of each answer. */
  readonly sizes?: readonly number[];
  /** Compressed: each answer. */
  readonly compressed?: readonly boolean[];
  /** The request itself must have come so. */
  readonly expectCompressed?: boolean;
  readonly status?: { readonly code: number; readonly message: string };
  /** The call is left open when the client has said all: Node's client says so before it cancels. */
  readonly hold?: boolean;
  readonly payload?: string;
}

export interface InteropAnswer {
  readonly payload?: string;
  readonly total?: number;
}

/** What the server has seen, for cases that end in the middle. */
export interface InteropServer {
  readonly port: number;
  /** Paths of calls that were cut. */
  readonly cancelled: string[];
}

const service = '/grpc.testing.TestService/';
const maxMessages = 1_000;

interface Message {
  readonly request: InteropRequest;
  readonly isCompressed: boolean;
}

class Call {
  readonly #stream: http2.ServerHttp2Stream;
  readonly #echo: http2.OutgoingHttpHeaders;
  #hasHead = false;

  constructor(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) {
    this.#stream = stream;
    const initial = headers['x-grpc-test-echo-initial'];
    this.#echo = initial === undefined ? {} : { 'x-grpc-test-echo-initial': initial };
    const trailing = headers['x-grpc-test-echo-trailing-bin'];
    stream.on('wantTrailers', () => {
      const echoed = trailing === undefined ? {} : { 'x-grpc-test-echo-trailing-bin': trailing };
      stream.sendTrailers({ ...this.#status, ...echoed });
    });
  }

  #status: http2.OutgoingHttpHeaders = { 'grpc-status': '0' };

  head(): void {
    if (this.#hasHead) return;
    this.#hasHead = true;
    const type = { ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': 'gzip', ...this.#echo };
    this.#stream.respond(type, { waitForTrailers: true });
  }

  send(answer: InteropAnswer, compressed = false): void {
    this.head();
    const plain = Buffer.from(JSON.stringify(answer));
    const bytes = compressed ? gzipSync(plain) : plain;
    const prefix = Buffer.alloc(5);
    prefix[0] = compressed ? 1 : 0;
    prefix.writeUInt32BE(bytes.length, 1);
    this.#stream.write(Buffer.concat([prefix, bytes]));
  }

  answers({ sizes = [], compressed = [] }: InteropRequest): void {
    sizes.forEach((size, i) => {
      this.send({ payload: '0'.repeat(size) }, compressed[i]);
    });
  }

  end(code = 0, message = ''): void {
    this.#status = { 'grpc-status': `${code}`, ...(message && { 'grpc-message': encodeURIComponent(message) }) };
    if (this.#hasHead) {
      this.#stream.end();
      return;
    }
    const headers = { ':status': 200, 'content-type': 'application/grpc', ...this.#status };
    this.#stream.respond(headers, { endStream: true });
  }
}

/** What a method does with each message as it comes, and when all have come. */
interface Method {
  readonly each?: (call: Call, message: Message) => void;
  readonly all: (call: Call, messages: readonly Message[]) => void;
}

const unary: Method = {
  all(call, [first]) {
    const { request, isCompressed } = first!;
    if (request.status !== undefined) call.end(request.status.code, request.status.message);
    else if ((request.expectCompressed ?? isCompressed) !== isCompressed) call.end(3, 'compressed as it should not be');
    else {
      call.answers({ sizes: [0], ...request });
      call.end();
    }
  },
};

const methods: Readonly<Record<string, Method>> = {
  EmptyCall: {
    all(call) {
      call.send({});
      call.end();
    },
  },
  UnaryCall: unary,
  CacheableUnaryCall: unary,
  StreamingInputCall: {
    all(call, messages) {
      const wrong = messages.some(({ request: { expectCompressed }, isCompressed }) => {
        return expectCompressed !== undefined && expectCompressed !== isCompressed;
      });
      if (wrong) call.end(3, 'compressed as it should not be');
      else {
        call.send({ total: messages.reduce((sum, { request }) => sum + (request.payload ?? '').length, 0) });
        call.end();
      }
    },
  },
  StreamingOutputCall: {
    all(call, [first]) {
      call.answers(first!.request);
      call.end();
    },
  },
  FullDuplexCall: {
    each(call, { request }) {
      if (request.status !== undefined) call.end(request.status.code, request.status.message);
      else call.answers(request);
    },
    all(call, messages) {
      call.head();
      if (messages.at(-1)?.request.hold !== true) call.end();
    },
  },
  /** Never answers. */
  Sleep: { all: () => {} },
};

export async function startInteropServer(cleanup: Cleanup): Promise<InteropServer> {
  const cancelled: string[] = [];
  const sessions = new Set<http2.ServerHttp2Session>();
  const server = http2.createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    const path = String(headers[':path']);
    const call = new Call(stream, headers);
    const method = path.startsWith(service) ? methods[path.slice(service.length)] : undefined;
    stream.on('error', () => {});
    stream.on('close', () => {
      if (stream.rstCode === http2.constants.NGHTTP2_CANCEL) cancelled.push(path);
    });
    if (method === undefined) {
      call.end(12, `no ${path} here`);
      return;
    }
    let rest = Buffer.alloc(0);
    const messages: Message[] = [];
    stream.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1) && messages.length < maxMessages) {
        const isCompressed = rest[0] === 1;
        const bytes = rest.subarray(5, 5 + rest.readUInt32BE(1));
        rest = rest.subarray(5 + bytes.length);
        const request = JSON.parse(String(isCompressed ? gunzipSync(bytes) : bytes)) as InteropRequest;
        messages.push({ request, isCompressed });
        method.each?.(call, messages.at(-1)!);
      }
    });
    stream.on('end', () => {
      if (!stream.writableEnded) method.all(call, messages);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { port: (server.address() as net.AddressInfo).port, cancelled };
}
