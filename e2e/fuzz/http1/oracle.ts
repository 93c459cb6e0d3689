/**
 * llhttp's story of the same bytes, by way of node:http: its server and its client on a Duplex, which is how its
 * documentation lets one hand it a connection. Node adds no leniency; what it refuses beyond llhttp is switched off.
 */
import http from 'node:http';
import { Duplex } from 'node:stream';
import type { Message, Told } from './told.ts';

type Open = { -readonly [K in keyof Message]: Message[K] };

/** One end of a connection: what is fed is read, what is written is kept as text. */
class FedSocket extends Duplex {
  written = '';

  override _read(): void {}

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.written += chunk.latin1Slice(0, chunk.length);
    done();
  }

  override _final(done: () => void): void {
    done();
  }

  /** What the client and its agent ask of a socket; there is nothing to do. */
  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

interface Heard {
  readonly messages: Open[];
  refusal: string | undefined;
}

const heardOn = new WeakMap<Duplex, Heard>();

const server = http.createServer({
  requireHostHeader: false,
  maxHeaderSize: 1024 * 1024,
  keepAliveTimeout: 0,
  requestTimeout: 0,
  headersTimeout: 0,
});
server.maxHeadersCount = 0;
server.timeout = 0;
server.on('request', onRequest);
server.on('checkExpectation', onRequest);
server.on('checkContinue', (request, response) => {
  // otherwise Node takes the connection for broken
  response.writeContinue();
  onRequest(request, response);
});
server.on('connect', (request: http.IncomingMessage, socket: Duplex) => {
  const heard = heardOn.get(socket);
  heard?.messages.push({ ...messageOf(request), isWhole: true });
});
// without a listener the connection is destroyed, and what came before is lost
server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
  const heard = heardOn.get(socket);
  if (heard !== undefined) heard.refusal = error.code ?? error.message;
});

function onRequest(request: http.IncomingMessage, response: http.ServerResponse): void {
  const message = messageOf(request);
  heardOn.get(request.socket)?.messages.push(message);
  listen(request, message);
  request.on('end', () => {
    message.isWhole = request.complete;
    // without it Node keeps no HTTP/1.0 connection
    response.setHeader('content-length', 0);
    response.end();
  });
}

/** Streams of requests to what llhttp makes of each. */
export async function readRequests(streams: readonly Buffer[]): Promise<Told[]> {
  const sockets = streams.map((bytes) => {
    const socket = new FedSocket();
    heardOn.set(socket, { messages: [], refusal: undefined });
    server.emit('connection', socket);
    if (bytes.length > 0) socket.push(bytes);
    return socket;
  });
  await settled();
  return sockets.map((socket) => {
    const { messages, refusal } = heardOn.get(socket)!;
    const kept = [...socket.written.matchAll(/^connection: (\S+)\r$/gim)].map((match) => match[1] === 'keep-alive');
    messages.forEach((message, i) => {
      message.keepAlive = kept[i];
    });
    socket.destroy();
    return { messages, refusal, waits: messages.at(-1)?.isWhole === false };
  });
}

/** Says of one connection whether its answer lets it be used again, and ends it. */
class AskingAgent extends http.Agent {
  isKept = false;
  readonly #socket: Duplex;

  constructor(socket: Duplex) {
    super({ keepAlive: true });
    this.#socket = socket;
  }

  override createConnection(): Duplex {
    return this.#socket;
  }

  override keepSocketAlive(): boolean {
    this.isKept = true;
    return false;
  }
}

/** @param method of the request that is answered */
export interface Answer {
  readonly method: 'GET' | 'HEAD';
  readonly bytes: Buffer;
}

/** Answers, each followed by the end of its connection, to what llhttp makes of each. */
export async function readResponses(answers: readonly Answer[]): Promise<Told[]> {
  const all = answers.map(({ method, bytes }) => {
    const socket = new FedSocket();
    const agent = new AskingAgent(socket);
    const heard: Heard = { messages: [], refusal: undefined };
    const request = http.request({ method, agent, maxHeaderSize: 1024 * 1024 });
    request.on('information', ({ httpVersion, statusCode, rawHeaders }) => {
      heard.messages.push(opened(`HTTP/${httpVersion} ${statusCode}`, rawHeaders, true));
    });
    request.on('response', (response) => {
      const { httpVersion, statusCode, rawHeaders } = response;
      const message = opened(`HTTP/${httpVersion} ${statusCode}`, rawHeaders, false);
      heard.messages.push(message);
      listen(response, message);
      response.on('close', () => {
        message.isWhole = response.complete;
      });
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      heard.refusal ??= error.code ?? error.message;
    });
    request.end();
    return { socket, agent, heard, method, bytes };
  });
  await settled();
  for (const { socket, bytes } of all) if (bytes.length > 0) socket.push(bytes);
  await settled();
  for (const { socket } of all) if (!socket.destroyed) socket.push(null);
  await settled();
  return all.map(({ socket, agent, heard, method }) => {
    socket.destroy();
    const { messages, refusal } = heard;
    const last = messages.at(-1);
    // llhttp judges before Node can tell it that this is an answer to HEAD, whose end is known without a length
    const isJudged = method === 'GET' || last?.fields.some((one) => /^(?:content-length|transfer-encoding):/.test(one));
    if (last?.isWhole && isJudged) last.keepAlive = agent.isKept;
    return { messages, refusal, waits: last?.isWhole === false };
  });
}

function listen(incoming: http.IncomingMessage, message: Open): void {
  incoming.on('data', (chunk: Buffer) => {
    message.body += chunk.latin1Slice(0, chunk.length);
  });
  incoming.on('error', () => {});
}

function messageOf({ method, url, httpVersion, rawHeaders }: http.IncomingMessage): Open {
  return opened(`${method} ${url} HTTP/${httpVersion}`, rawHeaders, false);
}

function opened(start: string, rawHeaders: readonly string[], isWhole: boolean): Open {
  const fields: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) fields.push(`${rawHeaders[i]!.toLowerCase()}: ${rawHeaders[i + 1]}`);
  return { start, fields, body: '', isWhole, keepAlive: undefined };
}

/** Everything that was fed has been read, and told in the turns of the loop that streams take for it. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setImmediate(resolve));
}
