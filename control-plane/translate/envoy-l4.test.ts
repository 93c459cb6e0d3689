/** What L4Routes say, carried out by the real Envoy: who takes a connection, which endpoint it gets, what is told of it. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningEnvoy, startEnvoy } from '../../e2e/support/envoy.ts';
import { requirePeer } from '../../e2e/support/peers.ts';
import { finishTable } from '../../proto/hashing/hash-table.ts';
import { maglevSteps } from '../../proto/hashing/maglev.ts';
import { equalHosts, xxHashOf } from '../../proto/hashing/testing.ts';
import { staticBootstrap } from './envoy-testing.ts';
import { documentSet, typed } from './testing.ts';

type Written = Readonly<Record<string, unknown>>;

/** Answers its port, and keeps what it was sent first. */
interface Backend {
  readonly port: number;
  readonly heads: Buffer[];
  readonly stop: () => void;
}

async function tcpBackend(): Promise<Backend> {
  const heads: Buffer[] = [];
  const server = net.createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (head) => {
      heads.push(head);
      socket.end(`${port}`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  return { port, heads, stop: () => server.close() };
}

async function udpBackend(): Promise<Backend> {
  const heads: Buffer[] = [];
  const socket = dgram.createSocket('udp4');
  socket.on('message', (head, from) => {
    heads.push(head);
    socket.send(`${port}`, from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  return { port, heads, stop: () => socket.close() };
}

/** What a TLS client says first. */
async function clientHello(servername: string, alpn: string[]): Promise<Buffer> {
  const said = Promise.withResolvers<Buffer>();
  const wire = new Duplex({ read: () => {}, write: (chunk: Buffer) => said.resolve(chunk) });
  const client = tls.connect({ socket: wire, ...(servername !== '' && { servername }), ALPNProtocols: alpn });
  client.on('error', () => {});
  const hello = await said.promise;
  client.destroy();
  return hello;
}

/** A PROXY header, version 2, of a client 1.2.3.4:773 with TLVs. */
function proxyHeader(...tlvs: [type: number, value: string][]): Buffer {
  const values = tlvs.map(([type, value]) => Buffer.concat([Buffer.from([type, 0, value.length]), Buffer.from(value)]));
  const rest = Buffer.concat([Buffer.from('010203040001010203050002', 'hex'), ...values]);
  return Buffer.concat([Buffer.from('0d0a0d0a000d0a515549540a2111', 'hex'), Buffer.from([0, rest.length]), rest]);
}

const trusted = { accept: 'required', trust: '127.0.0.2' };
const office = { sources: '127.0.0.9' };
const endpointsOf = (backends: readonly Backend[]) => backends.map(({ port }) => ({ address: '127.0.0.1', port }));

describe.skipIf(requirePeer('envoy') === undefined)('a real Envoy', () => {
  const tcp: Backend[] = [];
  const udp: Backend[] = [];
  let envoy: RunningEnvoy;

  beforeAll(async () => {
    for (let count = 0; count < 4; count++) tcp.push(await tcpBackend());
    for (let count = 0; count < 2; count++) udp.push(await udpBackend());
    const cluster = (name: string, backends: readonly Backend[], spec: Written = {}) =>
      typed('Cluster', name, { protocol: 'tcp', endpoints: endpointsOf(backends), ...spec });
    const listener = (name: string, spec: Written) => typed('Listener', name, { protocol: 'tcp', ...spec });
    const route = (name: string, on: string, to: string, spec: Written = {}) =>
      typed('L4Route', name, { listener: on, to: { cluster: to }, ...spec });
    const maglev = { balance: { policy: 'maglev' } };
    const documents = [
      listener('tls', { protocol: 'tls-passthrough' }),
      route('names', 'tls', 'b0', { serverNames: ['a.example.com', '*.example.com'], ...office }),
      route('h2', 'tls', 'b1', { serverNames: 'a.example.com', alpn: ['h2'] }),
      route('deep', 'tls', 'b2', { serverNames: '*.x.example.com' }),
      route('rest', 'tls', 'b3'),
      listener('sources', {}),
      route('office', 'sources', 'b0', office),
      route('others', 'sources', 'b1'),
      listener('hash', {}),
      route('hash', 'hash', 'all', { hash: 'five-tuple' }),
      listener('source', {}),
      route('source', 'source', 'all'),
      listener('trusted', { proxyProtocol: trusted }),
      route('trusted', 'trusted', 'headers', { hash: 'authority' }),
      listener('dns', { protocol: 'udp' }),
      route('dns', 'dns', 'u0', office),
      route('dns-rest', 'dns', 'u1'),
      typed('Listener', 'public', { proxyProtocol: trusted }),
      typed('Route', 'web', { hosts: '*', to: { cluster: 'web' } }),
      ...tcp.map((backend, index) => cluster(`b${index}`, [backend])),
      ...udp.map((backend, index) => cluster(`u${index}`, [backend], { protocol: 'udp' })),
      cluster('all', tcp, maglev),
      cluster('headers', tcp, { ...maglev, proxyProtocol: 'v2' }),
      cluster('web', [], { protocol: 'http1' }),
    ];
    envoy = await startEnvoy({ bootstrap: staticBootstrap(documentSet(documents), 'edge') });
  });

  afterAll(async () => {
    await envoy?.stop();
    for (const { stop } of [...tcp, ...udp]) stop();
  });

  async function send(listener: string, bytes: Buffer | string, localAddress: string): Promise<net.Socket> {
    const socket = net.connect({ port: await envoy.listenerPort(listener), host: '127.0.0.1', localAddress });
    socket.on('error', () => {});
    socket.write(bytes);
    return socket;
  }

  /** What comes back, and who asked. */
  async function ask(listener: string, bytes: Buffer | string, localAddress = '127.0.0.1') {
    const socket = await send(listener, bytes, localAddress);
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
    });
    await once(socket, 'connect');
    const { localPort = 0 } = socket;
    await new Promise((resolve) => socket.once('close', resolve));
    return { answer, client: `${localAddress}:${localPort}` };
  }
  const nameOf = (answer: string, backends = tcp) => backends.findIndex(({ port }) => `${port}` === answer);
  const logged = async (pattern: RegExp): Promise<Record<string, unknown>> => {
    await expect.poll(envoy.logs).toMatch(pattern);
    return JSON.parse(pattern.exec(envoy.logs())?.[0] ?? '') as Record<string, unknown>;
  };

  test.each([
    ['a.example.com', ['h2'], '127.0.0.1', 1],
    ['A.example.com', ['x', 'h2'], '127.0.0.9', 1],
    ['a.example.com', ['x'], '127.0.0.9', 0],
    ['a.example.com', [], '127.0.0.1', 3],
    ['y.example.com', [], '127.0.0.9', 0],
    ['y.example.com', ['h2'], '127.0.0.1', 3],
    ['y.x.example.com', [], '127.0.0.9', 2],
    ['z.y.x.example.com', [], '127.0.0.1', 2],
    ['elsewhere.com', ['h2'], '127.0.0.1', 3],
    ['', [], '127.0.0.1', 3],
  ])('passes on TLS for %j with %j from %s to %d', async (name, alpn, source, backend) => {
    const { answer } = await ask('tls', await clientHello(name, alpn), source);
    expect(nameOf(answer)).toBe(backend);
  });

  test('passes on nothing but TLS there, and says whom it was for', async () => {
    expect((await ask('tls', 'GET / HTTP/1.1\r\n\r\n')).answer).toBe('');
    await ask('tls', await clientHello('logged.example.com', []));
    expect(await logged(/^\{.*logged\.example\.com.*\}$/m)).toMatchObject({ upstream_cluster: 'b3' });
  });

  test('tells clients of a tcp listener apart by their address', async () => {
    expect(nameOf((await ask('sources', 'x', '127.0.0.9')).answer)).toBe(0);
    expect(nameOf((await ask('sources', 'x')).answer)).toBe(1);
  });

  /** Of the endpoint that the text belongs to. */
  const ownerOf = (text: string): number => {
    const hosts = equalHosts(tcp.map(({ port }) => `127.0.0.1:${port}`));
    return finishTable(maglevSteps({ tableSize: 65_537 }, hosts)).pick(xxHashOf(text), 0);
  };

  test('picks the endpoint by the text that is hashed', async () => {
    const port = await envoy.listenerPort('hash');
    for (let round = 0; round < 12; round++) {
      const { answer, client } = await ask('hash', 'x');
      expect(nameOf(answer), client).toBe(ownerOf(`${client}|127.0.0.1:${port}`));
    }
    for (const source of ['127.0.0.1', '127.0.0.7', '127.1.2.3']) {
      expect(nameOf((await ask('source', 'x', source)).answer), source).toBe(ownerOf(source));
    }
  });

  test('gives each connection a unique id of its own, the same in its log and in the header to the endpoint', async () => {
    const header = proxyHeader([0x02, 'name.example.com'], [0x05, 'not-this-one'], [0xe7, 'custom']);
    const { answer } = await ask('trusted', Buffer.concat([header, Buffer.from('x')]), '127.0.0.2');
    const entry = await logged(/^\{.*"upstream_cluster":"headers".*\}$/m);
    expect(entry).toMatchObject({ client: '1.2.3.4:773' });
    expect(nameOf(answer)).toBe(ownerOf('-|name.example.com'));
    const sent = tcp[nameOf(answer)]!.heads.at(-1)!.toString('latin1');
    expect(sent).toContain(`\x05\0\x24${entry['unique_id']}`);
    expect(sent).toContain('\x02\0\x10name.example.com');
    expect(sent).toContain('\xe7\0\x06custom');
    expect(sent).not.toContain('not-this-one');
  });

  test('closes whoever is not trusted, header or not', async () => {
    for (const head of [proxyHeader(), Buffer.alloc(0)]) {
      const bytes = Buffer.concat([head, Buffer.from('enough to tell that this is none')]);
      expect((await ask('trusted', bytes)).answer).toBe('');
    }
  });

  test('logs the unique id of a PROXY header with each request', async () => {
    const request = 'GET /with-id HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';
    const header = proxyHeader([0x05, 'id-of-the-tier-before']);
    const socket = await send('public', Buffer.concat([header, Buffer.from(request)]), '127.0.0.2');
    const entry = await logged(/^\{.*"\/with-id".*\}$/m);
    expect(entry).toMatchObject({ unique_id: 'id-of-the-tier-before', client: '1.2.3.4:773' });
    socket.destroy();
  });

  test('sends datagrams where their source says', async () => {
    const port = await envoy.listenerPort('dns');
    for (const [index, source] of ['127.0.0.9', '127.0.0.1'].entries()) {
      const socket = dgram.createSocket('udp4').bind(0, source);
      await once(socket, 'listening');
      socket.send('question', port, '127.0.0.1');
      const [answer] = (await once(socket, 'message')) as [Buffer];
      expect(nameOf(answer.toString(), udp)).toBe(index);
      socket.close();
    }
  });
});
