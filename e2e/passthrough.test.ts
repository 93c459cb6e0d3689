/** What is read in front of a connection, by documents: TLS passed through, and PROXY headers between two tiers; beside Envoy. */
import { once } from 'node:events';
import net from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endOf } from '../data-plane/l4/testing.ts';
import { type Delivery, send } from '../data-plane/listener/testing.ts';
import { makeCertificate } from './support/certificates.ts';
import { type RunningEnvoy, startEnvoy } from './support/envoy.ts';
import {
  Cleanup,
  type DataPlaneProcess,
  jsonLines,
  run,
  startBackend,
  startControlPlane,
  startDataPlane,
  waitFor,
} from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';

const here = requirePeer('envoy');
const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const authority = makeCertificate({ hosts: ['authority'], authority: true });
const owner = makeCertificate({ hosts: ['orders'], uris: ['spiffe://example.com/orders'], issuer: authority });

/** Ends TLS itself, demands a certificate, and says which service it is, whom it sees, and what was agreed on. */
async function startService(name: string): Promise<number> {
  const { certificate, key } = makeCertificate({ hosts: [name], issuer: authority });
  const server = tls.createServer({
    ...{ cert: certificate, key, ca: authority.certificate, requestCert: true, rejectUnauthorized: true },
    ALPNProtocols: ['postgresql', 'h2', 'http/1.1'],
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    const { subjectaltname } = socket.getPeerCertificate();
    socket.end(`${name} ${subjectaltname} ${socket.alpnProtocol}`);
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as net.AddressInfo).port;
}

/** What the service says; `refused`. */
function ask(port: number, asked: tls.ConnectionOptions, delivery: Delivery = 'at once'): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    const stream = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _, done) => void send(socket, chunk, delivery).then(() => done()),
      final: (done) => {
        socket.end();
        done();
      },
    });
    socket.on('data', (chunk) => stream.push(chunk));
    socket.on('close', () => stream.push(null)).on('error', () => {});
    const client = tls.connect({
      ...{ socket: stream, rejectUnauthorized: false, cert: owner.certificate, key: owner.key },
      ...asked,
    });
    let text = '';
    client.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    client.on('error', () => resolve('refused'));
    client.on('end', () => resolve(text === '' ? 'refused' : text));
  });
}

/** An HTTP request on a connection of its own. */
function get(port: number, localAddress: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress });
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
    socket.write('GET /who HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  });
}

const listener = (name: string, group: string, spec: string): string =>
  `kind: Listener\nname: ${name}\nspec: { groups: ${group}, address: 127.0.0.1, port: 0, ${spec} }\n`;
const cluster = (name: string, port: number, spec = 'protocol: tcp'): string =>
  `kind: Cluster\nname: ${name}\nspec: { ${spec}, endpoints: [{ address: 127.0.0.1, port: ${port} }] }\n`;
const l4Route = (to: string, at: string, spec = ''): string =>
  `kind: L4Route\nname: ${to}\nspec: { listener: ${at}, to: { cluster: ${to} }${spec} }\n`;

let front: DataPlaneProcess;
let edge: DataPlaneProcess;
let envoy: RunningEnvoy;

beforeAll(async () => {
  if (here === undefined) return;
  const controlPlane = await startControlPlane(cleanup);
  const { port } = await startBackend(cleanup, 'a');
  const services = ['exact', 'suffix', 'protocol', 'rest'];
  const clusters = await Promise.all(services.map(async (name) => cluster(name, await startService(name))));
  await controlPlane.apply(
    [
      'kind: NodeGroup\nname: front\nspec: { tier: l4 }\n',
      'kind: NodeGroup\nname: edge\n',
      ...clusters,
      listener('databases', 'front', 'protocol: tls-passthrough'),
      l4Route('exact', 'databases', ', serverNames: [orders.db.example.com]'),
      l4Route('suffix', 'databases', ', serverNames: ["*.db.example.com"]'),
      l4Route('protocol', 'databases', ', alpn: [postgresql]'),
      l4Route('rest', 'databases'),
      listener('web', 'edge', 'proxyProtocol: { accept: required, trust: [127.0.0.1/32] }'),
      cluster('a', port, 'protocol: http1'),
      'kind: Route\nname: all\nspec: { hosts: ["*"], to: [{ cluster: a }] }\n',
    ].join('---\n'),
  );
  edge = await startDataPlane(cleanup, controlPlane, 'edge', 'edge-1');
  await controlPlane.apply(
    [
      cluster('edge', await edge.port('web'), 'protocol: tcp, proxyProtocol: v2'),
      listener('entry', 'front', 'protocol: tcp'),
      l4Route('edge', 'entry'),
    ].join('---\n'),
  );
  front = await startDataPlane(cleanup, controlPlane, 'front', 'front-1');
  const flags = ['--group', 'front', '--id', 'envoy', '--xds', controlPlane.xds];
  const bootstrap = await run(['bootstrap', 'envoy', ...flags], controlPlane.env);
  envoy = await startEnvoy({ bootstrap: bootstrap.stdout });
  cleanup.add(() => envoy.stop());
});

const fronts = (at: string): Promise<number[]> =>
  Promise.all([front.port(at), waitFor(at, () => envoy.listenerPort(at).catch(() => undefined))]);

test.skipIf(!here)('a service sees its client’s own certificate, and every name and protocol its service', async () => {
  for (const port of await fronts('databases')) {
    const ownName = 'URI:spiffe://example.com/orders, DNS:orders';
    const told = (servername: string, ...ALPNProtocols: string[]): Promise<string> =>
      ask(port, { ...(servername !== '' && { servername }), ...(ALPNProtocols.length > 0 && { ALPNProtocols }) });
    expect(await told('Orders.DB.example.com', 'h2')).toBe(`exact ${ownName} h2`);
    expect(await told('x.orders.db.example.com')).toBe(`suffix ${ownName} false`);
    expect(await told('db.example.com', 'http/1.1', 'postgresql')).toBe(`protocol ${ownName} postgresql`);
    expect(await told('')).toBe(`rest ${ownName} false`);
    // who shows none is refused by the service
    expect(await ask(port, { servername: 'orders.db.example.com', cert: '', key: '' })).toBe('refused');
    // all of it in segments of one byte, by a version without key shares too
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      expect(await ask(port, { servername: 'orders.db.example.com', maxVersion }, 'byte by byte')).toMatch(/^exact /);
    }
    // no TLS: there is no chain for that
    const plain = net.connect(port, '127.0.0.1');
    plain.write('GET / HTTP/1.1\r\n\r\n');
    expect(['ECONNRESET', undefined]).toContain(await endOf(plain));
  }
  const stats = await (await fetch(`${front.admin}/stats`)).text();
  expect(stats).toMatch(/^listener\.databases\.no_filter_chain_match: 1$/m);
  expect(stats).toMatch(/^listener\.databases\.tls_inspector\.tls_found: 7$/m);
  const named = `"server_name":"x.orders.db.example.com"`;
  await waitFor('the access log', () => (front.program.stdout().includes(named) ? true : undefined));
  await waitFor("Envoy's access log", () => (envoy.logs().includes(named) ? true : undefined));
});

interface LogLine {
  readonly path?: string;
  readonly client?: string;
  readonly unique_id?: string | null;
}

const linesOf = (log: string): LogLine[] => jsonLines(log, '"unique_id"');

test.skipIf(!here)(
  'behind an L4 tier, ours or Envoy, the client and the id of its connection stand in the log',
  async () => {
    for (const [index, port] of (await fronts('entry')).entries()) {
      const client = `127.0.7.${index + 1}`;
      const answer = await get(port, client);
      expect(answer).toContain(`"x-forwarded-for":"${client}"`);
      const line = await waitFor('the access log', () =>
        linesOf(edge.program.stdout()).find((one) => one.client?.startsWith(`${client}:`)),
      );
      expect(line.unique_id).toMatch(/^[0-9a-f]{8}-/);
      const above = index === 0 ? front.program.stdout : envoy.logs;
      await waitFor('the same id in front', () =>
        linesOf(above()).find(({ unique_id }) => unique_id === line.unique_id),
      );
    }
    // who comes directly, and is not trusted, gets nothing: with a header and without
    const web = await edge.port('web');
    expect(await get(web, '127.0.7.9')).toBe('');
    expect(await get(web, '127.0.0.1')).toBe('');
  },
);
