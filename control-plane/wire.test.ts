/** One replica as a whole: real store, real sockets. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeCertificate } from '../e2e/support/certificates.ts';
import { serverFiles } from '../e2e/support/tls.ts';
import { encode } from '../proto/codec.ts';
import { typeUrls } from '../proto/type-urls.ts';
import type { Settings } from './settings.ts';
import { copyEmptyStore, storesFolder } from './store/testing-empty.ts';
import { type ControlPlane, startControlPlane } from './wire.ts';

const logger = pino({ level: 'silent' });
const free = { host: '127.0.0.1', port: 0 };
const adminToken = 'the-administrator';

let home: string;
let settings: Settings;
let controlPlane: ControlPlane;

beforeAll(async () => {
  home = await mkdtemp(path.join(storesFolder, 'fairlead-wire-'));
  settings = { api: free, xds: free, xdsTls: undefined, home, databaseUrl: undefined, adminToken };
  controlPlane = await startControlPlane(settings, { logger });
});
afterAll(async () => {
  await controlPlane.close();
  await rm(home, { recursive: true });
});

async function rest(
  method: string,
  url: string,
  body?: object,
): Promise<{ status: number; json: Record<string, unknown> }> {
  const response = await fetch(`${controlPlane.api}${url}`, {
    method,
    headers: { authorization: `Bearer ${adminToken}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

/** Opens a stream as a node would; resolves with how it ends, or with `served` once it is answered. */
function subscribe(token: string | undefined, group: string): Promise<string> {
  const client = new Client(controlPlane.xds, credentials.createInsecure());
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  const bytes = (buffer: Buffer) => buffer;
  const method = '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources';
  return new Promise((resolve) => {
    const call = client.makeBidiStreamRequest(method, bytes, bytes, metadata);
    const end = (how: string) => {
      resolve(how);
      call.cancel();
      client.close();
    };
    call.on('data', () => end('served'));
    call.on('error', (error: Error & { code?: number; details?: string }) =>
      end(`${status[error.code ?? 2]}: ${error.details ?? ''}`),
    );
    call.write(
      Buffer.from(
        encode('envoy.service.discovery.v3.DiscoveryRequest', {
          node: { id: 'n1', cluster: group },
          type_url: typeUrls.clusters,
        }),
      ),
    );
  });
}

test('a document put over REST is streamed to nodes with a token of the group, and to no others', async () => {
  expect((await rest('PUT', '/v1/nodegroups/edge', { spec: { tier: 'l7' } })).status).toBe(201);
  const made = async (role: string) => String((await rest('POST', '/v1/tokens', { role })).json['token']);
  expect(await subscribe(await made('node:edge'), 'edge')).toBe('served');
  expect(await subscribe(adminToken, 'edge')).toBe('served');
  expect(await subscribe(await made('node:front'), 'edge')).toMatch(/^PERMISSION_DENIED: .*node:edge/);
  expect(await subscribe('wrong', 'edge')).toMatch(/^UNAUTHENTICATED: .*fairlead token create/);
  expect(await subscribe(undefined, 'edge')).toMatch(/^UNAUTHENTICATED: /);
  const node = async () => (await rest('GET', '/v1/nodes/n1')).json;
  await expect.poll(node).toMatchObject({ id: 'n1', group: 'edge', connected: false });
});

test('metrics show the streams that there were', async () => {
  const response = await fetch(`${controlPlane.api}/metrics`, { headers: { authorization: `Bearer ${adminToken}` } });
  const text = await response.text();
  expect(text).toMatch(/fairlead_xds_responses_total\{type="clusters"\} [1-9]/);
  expect(text).toMatch(/fairlead_snapshots_published_total\{group="edge"\} [1-9]/);
  expect(text).toContain('# TYPE fairlead_resources_encoded_total counter');
  expect(text).toMatch(/fairlead_store_rows_read_total [1-9]/);
  expect(text).toContain('process_cpu_seconds_total');
});

test('a second replica on the same folder is refused, and the first goes on', async () => {
  await expect(startControlPlane(settings, { logger })).rejects.toThrow(/is in use by process/);
  expect((await rest('GET', '/readyz')).status).toBe(200);
});

test('a port in use is refused before anything is made, with the setting that moves it', async () => {
  const taken = net.createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as net.AddressInfo;
  const elsewhere = path.join(home, 'elsewhere');
  const start = (more: Partial<Settings>) => startControlPlane({ ...settings, home: elsewhere, ...more }, { logger });
  await expect(start({ api: { host: '127.0.0.1', port } })).rejects.toMatchObject({
    code: 'EADDRINUSE',
    message: `Cannot listen on 127.0.0.1:${port}: the port is in use.`,
    remedy: expect.stringContaining('FAIRLEAD_API'),
  });
  await expect(start({ xds: { host: '127.0.0.1', port } })).rejects.toMatchObject({
    remedy: expect.stringContaining('FAIRLEAD_XDS'),
  });
  await expect(stat(elsewhere)).rejects.toThrow('ENOENT');
  await new Promise((resolve) => taken.close(resolve));
});

test('certificates that cannot be used are told before anything is made, and usable ones make the port TLS', async () => {
  const elsewhere = { ...settings, home: path.join(home, 'tls') };
  const xdsTls = { ...serverFiles, key: path.join(home, 'none.key') };
  await expect(startControlPlane({ ...elsewhere, xdsTls }, { logger })).rejects.toMatchObject({
    code: 'tls-files',
    message: `Cannot read ${xdsTls.key}: there is no such file.`,
    remedy: expect.stringContaining('FAIRLEAD_XDS_KEY (--xds-key)'),
  });
  await expect(stat(elsewhere.home)).rejects.toThrow('ENOENT');
  await copyEmptyStore(path.join(elsewhere.home, 'store'));
  const secure = await startControlPlane({ ...elsewhere, xdsTls: serverFiles }, { logger });
  const [host, port] = secure.xds.split(':');
  const socket = tls.connect({
    host,
    port: Number(port),
    ca: await readFile(serverFiles.clientCa),
    ALPNProtocols: ['h2'],
  });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  expect(socket.getProtocol()).toBe('TLSv1.3');
  socket.destroy();
  const body = { group: 'edge' };
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
  const refused = await fetch(`${secure.api}/v1/bootstrap/envoy`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  expect(await refused.text()).toContain('The xDS port of this control plane speaks TLS.');
  await secure.close();
});

test('a folder that cannot be made is refused with the setting that moves it', async () => {
  await expect(startControlPlane({ ...settings, home: '/dev/null/x' }, { logger })).rejects.toMatchObject({
    code: 'home-unusable',
    remedy: expect.stringContaining('FAIRLEAD_HOME'),
  });
});

test('stored Secrets need the key that they were stored with, which the folder keeps unless one is given', async () => {
  const { certificate, key } = makeCertificate({ hosts: ['a.example.com'] });
  const ofItsOwn = { ...settings, home: path.join(home, 'secrets') };
  await copyEmptyStore(path.join(ofItsOwn.home, 'store'));
  const first = await startControlPlane(ofItsOwn, { logger });
  const put = (at: ControlPlane) =>
    fetch(`${at.api}/v1/secrets/a`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ spec: { certificate, key } }),
    });
  expect((await put(first)).status).toBe(201);
  await first.close();
  await expect(startControlPlane({ ...ofItsOwn, key: Buffer.alloc(32) }, { logger })).rejects.toMatchObject({
    code: 'wrong-key',
    message: expect.stringContaining('Secret a was encrypted with another key'),
    remedy: expect.stringContaining('FAIRLEAD_KEY'),
  });
  const again = await startControlPlane(ofItsOwn, { logger });
  expect((await put(again)).status).toBe(200);
  await again.close();
});

test('close ends everything, may be called twice, and the next start finds the documents again', async () => {
  // a connection would not tell: whoever else listens on some free port may have got this one
  const listening = () => process.getActiveResourcesInfo().filter((one) => one === 'TCPServerWrap').length;
  const before = listening();
  await Promise.all([controlPlane.close(), controlPlane.close()]);
  expect(listening()).toBe(before - 2);
  controlPlane = await startControlPlane(settings, { logger });
  expect((await rest('GET', '/v1/nodegroups/edge')).status).toBe(200);
  expect(await subscribe(adminToken, 'edge')).toBe('served');
});
