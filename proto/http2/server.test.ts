import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import { afterEach, expect, test } from 'vitest';
import { serverFiles } from '../../e2e/support/tls.ts';
import { type EchoServer, startEchoServer } from './testing/echo-server.ts';

let server: EchoServer | undefined;
let client: http2.ClientHttp2Session | undefined;

afterEach(async () => {
  client?.destroy();
  await server?.close();
});

async function connect(options: Parameters<typeof startEchoServer>[0] = {}): Promise<http2.ClientHttp2Session> {
  server = await startEchoServer(options);
  client = http2.connect(`http://127.0.0.1:${server.port}`);
  return client;
}

interface Answer {
  readonly headers: http2.IncomingHttpHeaders;
  readonly trailers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
}

function ask(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body: Buffer | undefined,
  trailers?: http2.OutgoingHttpHeaders,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: body === undefined, waitForTrailers: trailers !== undefined });
    const answer = { headers: {}, trailers: {}, chunks: [] as Buffer[] };
    stream.on('response', (received) => Object.assign(answer.headers, received));
    stream.on('trailers', (received) => Object.assign(answer.trailers, received));
    stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}));
    stream.on('data', (chunk: Buffer) => answer.chunks.push(chunk));
    stream.on('end', () => resolve({ ...answer, body: Buffer.concat(answer.chunks) }));
    stream.on('error', reject);
    if (body !== undefined) stream.end(body);
  });
}

test('a request without a body is answered', async () => {
  const session = await connect();
  const { headers, body } = await ask(session, { 'x-a': 'b' }, undefined);
  expect(headers[':status']).toBe(200);
  expect(headers['x-a']).toBe('b');
  expect(body.toString()).toContain('Nothing came');
});

test('bodies larger than every window come back whole, many at a time, with their trailers', async () => {
  const session = await connect();
  const bodies = Array.from({ length: 10 }, (_, i) => Buffer.alloc(300_000 + i, i));
  const answers = await Promise.all(
    bodies.map((body, i) => ask(session, { ':method': 'POST' }, body, { 'x-sum': `${i}` })),
  );
  answers.forEach((answer, i) => {
    expect(answer.body.equals(bodies[i]!)).toBe(true);
    expect(answer.trailers['x-sum']).toBe(String(i));
  });
});

test('over TLS, which holds what it is given for a while, bodies come back whole', async () => {
  const identity = { cert: readFileSync(serverFiles.cert), key: readFileSync(serverFiles.key) };
  server = await startEchoServer({}, identity);
  client = http2.connect(`https://127.0.0.1:${server.port}`, { rejectUnauthorized: false });
  const session = client;
  const bodies = Array.from({ length: 20 }, (_, i) => Buffer.alloc(1 + i * 10_000, i));
  const answers = await Promise.all(bodies.map((body) => ask(session, { ':method': 'POST' }, body)));
  answers.forEach((answer, i) => {
    expect(answer.body.equals(bodies[i]!)).toBe(true);
  });
});

test('a drained server answers what it has begun, and ends', async () => {
  const session = await connect();
  const answer = ask(session, { ':method': 'POST' }, Buffer.alloc(100_000));
  await new Promise((resolve) => session.once('remoteSettings', resolve));
  const [connection] = server?.connections ?? [];
  connection?.drain();
  const closed = new Promise((resolve) => session.once('close', resolve));
  expect((await answer).body.length).toBe(100_000);
  await closed;
  expect(server?.connections.size).toBe(0);
});
