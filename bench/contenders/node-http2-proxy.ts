/**
 * The baseline: a proxy on `node:http2`, one session upstream, the same features as the others.
 * Usage: node node-http2-proxy.ts PORT BACKEND_PORT ACCESS_LOG TIMEOUT_MS HOST PREFIX
 */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import http2 from 'node:http2';

const [port, backendPort, accessLog = '', timeoutMs, host, prefix = '/'] = process.argv.slice(2);
const log = createWriteStream(accessLog, { flags: 'a' });
const requestsByStatus = new Map<number, number>();
let session: http2.ClientHttp2Session | undefined;

/** The session, or a new one where it has ended. */
function upstreamSession(): http2.ClientHttp2Session {
  if (session !== undefined && !session.closed && !session.destroyed) return session;
  // what goes wrong is told to each of its streams
  session = http2.connect(`http://127.0.0.1:${backendPort}`).on('error', () => {});
  return session;
}

const server = http2.createServer();
server.on('stream', (stream, headers) => {
  const start = performance.now();
  const requestId = randomUUID();
  const finish = (status: number): void => {
    requestsByStatus.set(status, (requestsByStatus.get(status) ?? 0) + 1);
    const { ':method': method, ':path': url, ':authority': authority } = headers;
    const durationMs = Math.round(performance.now() - start);
    log.write(`${JSON.stringify({ time: new Date(), method, url, authority, status, durationMs, requestId })}\n`);
  };
  stream.on('error', () => {});
  if (headers[':authority'] !== host || !headers[':path']?.startsWith(prefix)) {
    stream.respond({ ':status': 404 }, { endStream: true });
    finish(404);
    return;
  }
  const forwarded = {
    ...headers,
    'x-forwarded-for': stream.session?.socket.remoteAddress,
    'x-request-id': requestId,
  };
  const upstream = upstreamSession().request(forwarded, { endStream: stream.endAfterHeaders });
  upstream.setTimeout(Number(timeoutMs), () => upstream.close(http2.constants.NGHTTP2_CANCEL));
  let trailers: http2.IncomingHttpHeaders | undefined;
  upstream.once('trailers', (received) => {
    trailers = received;
  });
  const gone = (): boolean => stream.destroyed || stream.closed;
  upstream.once('response', (answer) => {
    if (gone()) {
      upstream.close(http2.constants.NGHTTP2_CANCEL);
      finish(499);
      return;
    }
    stream.respond(answer, { waitForTrailers: true });
    stream.once('wantTrailers', () => {
      if (!gone()) stream.sendTrailers(trailers ?? {});
    });
    upstream.pipe(stream);
    upstream.once('end', () => finish(answer[':status'] ?? 502));
  });
  upstream.once('error', () => {
    if (stream.headersSent) stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    else if (!gone()) stream.respond({ ':status': 502 }, { endStream: true });
    finish(502);
  });
  if (!stream.endAfterHeaders) stream.pipe(upstream);
});
server.listen(Number(port), '127.0.0.1', 4096);
