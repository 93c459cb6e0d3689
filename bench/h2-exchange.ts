/** Both ends of one HTTP/2 request on `node:http2`: what a contender is looked at with before it is measured. */
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface H2Request {
  readonly path: string;
  /** With `:authority`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined: GET; otherwise POST. */
  readonly body?: Buffer | undefined;
}

export interface H2Answer {
  /** 0: there was none; `body` says why. */
  readonly status: number;
  readonly body: Buffer;
  readonly trailers: http2.IncomingHttpHeaders;
}

/** What came to a checker. */
export interface SeenRequest {
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Checker {
  readonly port: number;
  /** The last request. */
  readonly seen: () => SeenRequest | undefined;
  readonly stop: () => Promise<void>;
}

/** A backend that speaks HTTP/2 in the clear and nothing else, and remembers what it is asked. */
export async function startChecker(body: Buffer, trailers: http2.OutgoingHttpHeaders): Promise<Checker> {
  let seen: SeenRequest | undefined;
  const sessions = new Set<http2.Http2Session>();
  const server = http2.createServer();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', async (stream, headers) => {
    stream.on('error', () => {});
    seen = { headers, body: await buffer(stream) };
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers(trailers));
    stream.end(body);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    seen: () => seen,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}

const answerTimeoutMs = 2_000;

/** One request on a connection of its own, by prior knowledge. */
export async function exchange(port: number, request: H2Request): Promise<H2Answer> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  try {
    const ended = once(session, 'error').then(([error]: Error[]) => Promise.reject(error));
    return await Promise.race([ended, answerOf(session, request)]);
  } catch (error) {
    return { status: 0, body: Buffer.from(error instanceof Error ? error.message : String(error)), trailers: {} };
  } finally {
    session.destroy();
  }
}

async function answerOf(session: http2.ClientHttp2Session, { path, headers, body }: H2Request): Promise<H2Answer> {
  const method = body === undefined ? 'GET' : 'POST';
  const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: body === undefined });
  stream.setTimeout(answerTimeoutMs, () => stream.destroy(new Error(`no answer within ${answerTimeoutMs} ms`)));
  let trailers: http2.IncomingHttpHeaders = {};
  stream.once('trailers', (received: http2.IncomingHttpHeaders) => {
    trailers = received;
  });
  if (body !== undefined) stream.end(body);
  const [answer] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader];
  return { status: answer[':status'] ?? 0, body: await buffer(stream), trailers };
}
