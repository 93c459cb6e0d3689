/**
 * HTTP/1.0, header names with underscores, and logs of a share, from documents by REST to bytes off real sockets: at our
 * node and at a real Envoy, which are told the same. What they do not do alike stands in docs/old-clients.md.
 */
import dgram from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http2 from 'node:http2';
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEnvoy } from './support/envoy.ts';
import { Cleanup, run, startControlPlane, startDataPlane, temporaryFolder, waitFor } from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';
import { askRaw, startRawBackend } from './support/raw-http.ts';
import { startTcpBackend } from './support/tcp-backend.ts';

const here = requirePeer('envoy');
const cleanup = new Cleanup();
afterAll(() => cleanup.run());

/** Says no length. */
function startChunkedBackend(): Promise<number> {
  const answer = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n';
  return startTcpBackend(cleanup, (socket) => void socket.on('data', () => socket.write(answer)));
}

/** Of datagrams. */
async function startSilentBackend(): Promise<number> {
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  cleanup.add(async () => void socket.close());
  return socket.address().port;
}

/** All that is answered on one connection, to its end. */
async function converse(port: number, bytes: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1').setEncoding('latin1');
  let text = '';
  socket.on('data', (more: string) => {
    text += more;
  });
  socket.on('error', () => {});
  socket.write(bytes, 'latin1');
  await once(socket, 'close');
  return text;
}

const timings = /^(date|x-envoy-upstream-service-time):/;
/** Each answer: its first line, its headers in any order, its body. */
function answersOf(text: string): object[] {
  const starts = [...text.matchAll(/HTTP\/1\.[01] \d/g)].map(({ index }) => index);
  return starts.map((start, index) => {
    const [head = '', body = ''] = text.slice(start, starts[index + 1]).split('\r\n\r\n');
    const [line, ...headers] = head.split('\r\n');
    // of what is repeated by the upstream the id is new each time
    const sent = body.replaceAll(/x-request-id: [0-9a-f-]{36}/g, 'x-request-id: new');
    return { line, headers: headers.filter((one) => !timings.test(one)).sort(), body: sent.length };
  });
}

const keep = 'Connection: keep-alive\r\n';
const old = (target: string, more = '', host = 'Host: a\r\n') => `GET ${target} HTTP/1.0\r\n${host}${more}\r\n`;
/** Is served where the connection has gone on, and ends it. */
const last = 'GET /respond HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

describe.skipIf(!here)('our node and Envoy', () => {
  const ports: Record<'ours' | 'theirs', Record<string, number>> = { ours: {}, theirs: {} };
  let logs = '';
  let stats: () => Promise<[string, string]>;
  const listenerNames = ['old', 'keep', 'drop', 'reject', 'sampled', 'bytes', 'datagrams'];

  beforeAll(async () => {
    const controlPlane = await startControlPlane(cleanup);
    const folder = await temporaryFolder(cleanup);
    logs = path.join(folder, 'access.log');
    const { port } = await startRawBackend(cleanup, 'raw');
    const chunkedPort = await startChunkedBackend();
    const silentPort = await startSilentBackend();
    const accessLog = { to: logs, sample: '50%' };
    const spec = { groups: 'edge', address: '127.0.0.1', port: 0, accessLog: 'off' };
    const listener = (name: string, more: object) => ({ kind: 'Listener', name, spec: { ...spec, ...more } });
    const cluster = (name: string, at: number, more: object = {}) => ({
      kind: 'Cluster',
      name,
      spec: { endpoints: { address: '127.0.0.1', port: at }, ...more },
    });
    const route = (name: string, action: object, match?: object) => ({
      kind: 'Route',
      name,
      spec: { hosts: ['*'], ...(match && { match }), ...action },
    });
    const documents = [
      { kind: 'NodeGroup', name: 'edge', spec: { tier: 'l7' } },
      listener('old', { paths: { http10: true } }),
      ...['keep', 'drop', 'reject'].map((headers) => listener(headers, { paths: { underscores: { headers } } })),
      listener('sampled', { accessLog, trustedHops: 1 }),
      listener('bytes', { accessLog, protocol: 'tcp' }),
      listener('datagrams', { accessLog, protocol: 'udp' }),
      cluster('raw', port),
      cluster('chunked', chunkedPort),
      cluster('bytes', chunkedPort, { protocol: 'tcp' }),
      cluster('datagrams', silentPort, { protocol: 'udp' }),
      route('raw', { to: { cluster: 'raw' } }),
      route('chunked', { to: { cluster: 'chunked' } }, { path: { prefix: '/chunked' } }),
      route('own', { respond: { status: 200, body: 'own' } }, { path: { prefix: '/respond' } }),
      { kind: 'L4Route', name: 'bytes', spec: { listener: 'bytes', to: { cluster: 'bytes' } } },
      {
        kind: 'L4Route',
        name: 'datagrams',
        spec: { listener: 'datagrams', to: { cluster: 'datagrams' }, idleTimeout: '1s' },
      },
    ];
    await controlPlane.apply(documents.map((document) => JSON.stringify(document)).join('\n---\n'));
    const node = await startDataPlane(cleanup, controlPlane, 'edge', 'ours');
    const args = ['bootstrap', 'envoy', '--group', 'edge', '--id', 'envoy', '--xds', controlPlane.xds];
    const envoy = await startEnvoy({ bootstrap: (await run(args, controlPlane.env)).stdout });
    cleanup.add(() => envoy.stop());
    const asked = '/stats?filter=underscores';
    stats = async () => Promise.all([fetch(node.admin + asked).then((answer) => answer.text()), envoy.admin(asked)]);
    for (const name of listenerNames) {
      ports.ours[name] = await node.port(name);
      ports.theirs[name] = await waitFor(`listener ${name} of Envoy`, () =>
        envoy.listenerPort(name).catch(() => undefined),
      );
    }
  }, 120_000);

  const both = <T>(name: string, ask: (port: number) => Promise<T>): Promise<[T, T]> =>
    Promise.all([ask(ports.ours[name]!), ask(ports.theirs[name]!)]);

  test.each([
    ['an answer with a length', old('/a'), ['HTTP/1.0 200 OK']],
    ['the same, kept alive', old('/a', keep), ['HTTP/1.0 200 OK', 'HTTP/1.1 200 OK']],
    ['two, kept alive', old('/a', keep) + old('/b', keep), ['HTTP/1.0 200 OK', 'HTTP/1.0 200 OK', 'HTTP/1.1 200 OK']],
    ['an answer without a length', old('/chunked'), ['HTTP/1.0 200 OK']],
    ['the same, kept alive', old('/chunked', keep), ['HTTP/1.0 200 OK']],
    ['an answer of the proxy', old('/respond'), ['HTTP/1.0 200 OK']],
    ['the same, kept alive', old('/respond', keep), ['HTTP/1.0 200 OK', 'HTTP/1.1 200 OK']],
    ['no Host', old('/a', keep, ''), ['HTTP/1.0 400 Bad Request']],
    ['a body', `${old('/a', 'Content-Length: 3\r\n')}abc`, ['HTTP/1.0 200 OK']],
    ['a body, kept alive', `${old('/a', `${keep}Content-Length: 3\r\n`)}abc`, ['HTTP/1.0 200 OK', 'HTTP/1.1 200 OK']],
    ['HEAD', old('/a', keep).replace('GET', 'HEAD'), ['HTTP/1.0 200 OK', 'HTTP/1.1 200 OK']],
    ['HTTP/1.1 first', `GET /a HTTP/1.1\r\nHost: a\r\n\r\n${old('/a')}`, ['HTTP/1.1 200 OK', 'HTTP/1.0 200 OK']],
  ])('HTTP/1.0: %s', async (_what, bytes, lines) => {
    const [our, their] = (await both('old', (port) => converse(port, bytes + last))).map(answersOf);
    expect(our).toEqual(their);
    expect(our).toMatchObject(lines.map((line) => ({ line })));
  });

  test.each([
    ['a coding', `${old('/a', 'Transfer-Encoding: chunked\r\n')}0\r\n\r\n`, '400', '200'],
    ['an absolute URL without Host', old('http://a/a', '', ''), '400', '200'],
    ['HTTP/0.9 in words', 'GET /a HTTP/0.9\r\nHost: a\r\n\r\n', '505', '200'],
    ['an expectation', `${old('/a', 'Expect: 100-continue\r\nContent-Length: 1\r\n')}a`, '200', '100'],
  ])('HTTP/1.0: %s, where ours is stricter', async (_what, bytes, our, their) => {
    const texts = await both('old', (port) => converse(port, bytes + last));
    expect(texts.map((text) => text.slice(9, 12))).toEqual([our, their]);
  });

  test('HTTP/1.0 goes to the endpoint as HTTP/1.1', async () => {
    const seen = await both('old', async (port) => (await askRaw(port, old('/a?b', keep))).seen);
    expect(seen[0]!.line).toBe('GET /a?b HTTP/1.1');
    const sent = seen.map((one) => one!.headers.map((line) => line.replace(/^(x-request-id): .*/, '$1')).sort());
    expect(sent[0]).toEqual(sent[1]);
  });

  test('where nothing is said of HTTP/1.0 it is not served', async () => {
    const texts = await both('keep', (port) => converse(port, old('/a') + last));
    expect(texts.map((text) => text.slice(0, 12))).toEqual(['HTTP/1.1 426', 'HTTP/1.1 426']);
  });

  const named = 'x_a: 1\r\nx-b: 2\r\nX_C_d: 3\r\nx-b: 4\r\n';
  test.each([
    ['keep', 200, ['x-b: 2', 'x-b: 4', 'x_a: 1', 'x_c_d: 3']],
    ['drop', 200, ['x-b: 2', 'x-b: 4']],
    ['reject', 400, undefined],
  ])('names with underscores in HTTP/1.1: %s', async (name, status, sent) => {
    const answers = await both(name, (port) => askRaw(port, `GET /a HTTP/1.1\r\nHost: a\r\n${named}\r\n`));
    const passed = answers.map(({ seen }) => seen?.headers.filter((line) => /^x[_-][abc]/.test(line)).sort());
    expect([answers.map((answer) => answer.status), passed]).toEqual([
      [status, status],
      [sent, sent],
    ]);
  });

  test.each([
    ['keep', '200', ['x-b: 2', 'x_a: 1']],
    ['drop', '200', ['x-b: 2']],
    // an Envoy resets the stream
    ['reject', '400', undefined],
  ])('names with underscores in HTTP/2: %s', async (name, our, sent) => {
    const asked = await both(name, (port) => askHttp2(port, { x_a: '1', 'x-b': '2' }));
    const passed = asked.map(({ body }) =>
      body.startsWith('{')
        ? (JSON.parse(body) as { headers: string[] }).headers.filter((line) => /^x[_-][ab]/.test(line)).sort()
        : undefined,
    );
    expect(passed).toEqual([sent, sent]);
    expect(asked.map(({ status }) => status)).toEqual([our, sent === undefined ? '' : our]);
  });

  test.each(['keep', 'drop'])('names that others may take for framing: ours refuses them (%s)', async (name) => {
    const bytes = `POST /a HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n${last}`;
    const texts = await both(name, (port) => converse(port, bytes));
    expect(texts.map((text) => text.slice(9, 12))).toEqual(['400', '200']);
    expect(texts.map((text) => text.match(/HTTP\/1\.1 \d/g)?.length)).toEqual([1, 2]);
  });

  test('what came of such names is counted alike', async () => {
    const counted = async () =>
      (await stats()).map((text) => [...text.matchAll(/^(http[12]\..*): [1-9]/gm)].map(([, name]) => name).sort());
    await both('drop', (port) => askRaw(port, `GET /a HTTP/1.1\r\nHost: a\r\n${named}\r\n`));
    await both('reject', (port) => askRaw(port, `GET /a HTTP/1.1\r\nHost: a\r\n${named}\r\n`));
    await both('drop', (port) => askHttp2(port, { x_a: '1' }));
    await both('reject', (port) => askHttp2(port, { x_a: '1' }));
    const names = ['http1', 'http2'].flatMap((codec) =>
      ['dropped_headers_with_underscores', 'requests_rejected_with_underscores_in_headers'].map(
        (name) => `${codec}.${name}`,
      ),
    );
    await expect.poll(counted).toEqual([names, names]);
  });

  const place = (id: string): number => Number.parseInt(id.slice(0, 8), 16) % 100;
  const linesOf = async (marker: string): Promise<Record<string, string>[]> => {
    const text = await readFile(logs, 'utf8').catch(() => '');
    const whole = text.split('\n').slice(0, -1);
    return whole
      .map((line) => JSON.parse(line) as Record<string, string>)
      .filter((line) => `${line[marker] ?? ''}` !== '');
  };

  test('half of all requests are logged, the very same ones by both', async () => {
    const ids = Array.from(
      { length: 40 },
      (_, index) => `${((index * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`,
    );
    for (const id of ids) {
      await both('sampled', (port) => askRaw(port, `GET /respond HTTP/1.1\r\nHost: a\r\nx-request-id: ${id}\r\n\r\n`));
    }
    const wanted = ids.filter((id) => place(id) < 50).flatMap((id) => [id, id]);
    expect(wanted.length).toBeGreaterThan(20);
    expect(wanted.length).toBeLessThan(60);
    const logged = async () => (await linesOf('request_id')).map((line) => line['request_id']).sort();
    await expect.poll(logged).toEqual(wanted.sort());
  });

  const loggedAt = async (port: number) =>
    (await linesOf('listener_address')).filter((line) => line['listener_address']!.endsWith(`:${port}`));

  test('half of all connections are logged, by their ids', async () => {
    const ask = (port: number) => askRaw(port, 'GET / HTTP/1.1\r\n\r\n');
    for (let left = 40; left > 0; left--) await both('bytes', ask);
    for (const port of [ports.ours['bytes']!, ports.theirs['bytes']!]) {
      await expect.poll(async () => (await loggedAt(port)).length).toBeGreaterThan(0);
      const lines = await loggedAt(port);
      expect(lines.length).toBeLessThan(40);
      expect(lines.filter((line) => place(line['unique_id']!) >= 50)).toEqual([]);
    }
  });

  test('half of all sessions of datagrams are logged', async () => {
    for (let left = 40; left > 0; left--) await both('datagrams', sendDatagram);
    for (const port of [ports.ours['datagrams']!, ports.theirs['datagrams']!]) {
      await expect.poll(async () => (await loggedAt(port)).length).toBeGreaterThan(0);
      expect((await loggedAt(port)).length).toBeLessThan(40);
    }
  });
});

async function sendDatagram(port: number): Promise<void> {
  const socket = dgram.createSocket('udp4');
  await new Promise((resolve) => socket.send('x', port, '127.0.0.1', resolve));
  socket.close();
}

interface Http2Answer {
  /** Empty: none. */
  readonly status: string;
  readonly body: string;
}

async function askHttp2(port: number, headers: http2.OutgoingHttpHeaders): Promise<Http2Answer> {
  const client = http2.connect(`http://127.0.0.1:${port}`);
  client.on('error', () => {});
  const stream = client.request({ ':path': '/a', ...headers }).setEncoding('latin1');
  let status = '';
  let body = '';
  stream.on('response', (head) => {
    status = `${head[':status']}`;
  });
  stream.on('data', (text: string) => {
    body += text;
  });
  stream.on('error', () => {});
  await new Promise((resolve) => stream.once('close', resolve));
  client.destroy();
  return { status, body };
}
