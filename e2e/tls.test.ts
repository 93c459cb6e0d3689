/** TLS at the front door: documents say it, SDS brings the certificates, and a change of them is no break. */
import { once } from 'node:events';
import http2 from 'node:http2';
import type net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Certificate, makeCertificate, secretYaml } from './support/certificates.ts';
import { type RunningEnvoy, startEnvoy } from './support/envoy.ts';
import {
  Cleanup,
  type ControlPlaneProcess,
  type DataPlaneProcess,
  request,
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

const shop = makeCertificate({ hosts: ['shop.example.com'] });
const shopRenewed = makeCertificate({ hosts: ['shop.example.com'] });
const wild = makeCertificate({ hosts: ['*.wild.example.com'], key: 'rsa2048' });

const listener = `---
kind: Listener
name: secure
spec:
  groups: [edge]
  address: 127.0.0.1
  port: 0
  protocol: https
  tls: { certificates: [shop, wild] }
`;

const offered = ['h2', 'http/1.1'];

function connect(
  port: number,
  servername: string | undefined,
  options: tls.ConnectionOptions = {},
): Promise<tls.TLSSocket> {
  const socket = tls.connect({
    ...{ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] },
    ...(servername !== undefined && { servername }),
    ...options,
  });
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** One request on a connection that stays open; the answer's body. */
async function ask(socket: net.Socket): Promise<{ backend: string; headers: Record<string, string> }> {
  let text = '';
  socket.setEncoding('utf8');
  socket.write('GET /x HTTP/1.1\r\nhost: shop.example.com\r\nx-forwarded-client-cert: Hash=forged\r\n\r\n');
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [string];
    text += chunk;
    const start = text.indexOf('{');
    if (start >= 0 && /\}\}[\r\n0]*$/.test(text)) return JSON.parse(text.slice(start, text.lastIndexOf('}') + 1));
  }
}

async function servedName(port: number, servername: string | undefined): Promise<unknown> {
  const socket = await connect(port, servername);
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return subject.CN;
}

async function fingerprint(port: number): Promise<string> {
  const socket = await connect(port, 'shop.example.com');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

async function shownFingerprint(controlPlane: ControlPlaneProcess): Promise<string> {
  const shown = await controlPlane.rest<{ status: { certificate: { fingerprint: string } } }>(
    'GET',
    '/v1/secrets/shop',
  );
  return shown.status.certificate.fingerprint;
}

describe('https', () => {
  let controlPlane: ControlPlaneProcess;
  let ours: DataPlaneProcess;
  /** Where each of them listens now; our own node first. */
  const nodes: (() => Promise<number>)[] = [];
  const envoys: RunningEnvoy[] = [];

  beforeAll(async () => {
    controlPlane = await startControlPlane(cleanup);
    const backend = await startBackend(cleanup, 'a');
    await controlPlane.apply(`kind: NodeGroup
name: edge
---
kind: Cluster
name: a
spec: { endpoints: [{ address: 127.0.0.1, port: ${backend.port} }] }
---
kind: Route
name: all
spec: { hosts: ["*"], to: [{ cluster: a }] }
---
${secretYaml('shop', shop)}---
${secretYaml('wild', wild)}${listener}`);
    ours = await startDataPlane(cleanup, controlPlane, 'edge', 'ours', ['--concurrency', '2']);
    nodes.push(() => ours.port('secure'));
    for (const variant of here ? ['delta', 'sotw'] : []) {
      const flags = ['--group', 'edge', '--id', `envoy-${variant}`, '--variant', variant, '--xds', controlPlane.xds];
      const printed = await run(['bootstrap', 'envoy', ...flags], controlPlane.env);
      const envoy = await startEnvoy({ bootstrap: printed.stdout });
      cleanup.add(() => envoy.stop());
      envoys.push(envoy);
      nodes.push(() => envoy.listenerPort('secure'));
    }
  });

  const everywhere = () => Promise.all(nodes.map((portOf) => portOf()));
  const renew = (certificate: Certificate) => controlPlane.apply(secretYaml('shop', certificate));

  test('a handshake is answered with the certificate of its host, else with the first', async () => {
    for (const port of await everywhere()) {
      expect(await servedName(port, 'shop.example.com')).toBe('shop.example.com');
      expect(await servedName(port, 'a.wild.example.com')).toBe('*.wild.example.com');
      expect(await servedName(port, 'a.b.wild.example.com')).toBe('shop.example.com');
      expect(await servedName(port, undefined)).toBe('shop.example.com');
    }
  });

  test('requests go on to the backend and say that they came by https', async () => {
    for (const port of await everywhere()) {
      const socket = await connect(port, 'shop.example.com');
      expect(socket.alpnProtocol).toBe('http/1.1');
      const answer = await ask(socket);
      expect([answer.backend, answer.headers['x-forwarded-proto']]).toEqual(['a', 'https']);
      expect(answer.headers).not.toHaveProperty('x-forwarded-client-cert');
      socket.destroy();
    }
  });

  test('a client that knows HTTP/2 speaks it', async () => {
    for (const port of await everywhere()) {
      const client = http2.connect('https://shop.example.com', {
        createConnection: () =>
          tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: offered }),
      });
      const stream = client.request({ ':path': '/x' });
      let text = '';
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      await once(stream, 'end');
      expect(client.alpnProtocol).toBe('h2');
      const { backend, headers } = JSON.parse(text) as Awaited<ReturnType<typeof ask>>;
      expect([backend, headers['host'], headers['x-forwarded-proto']]).toEqual(['a', 'shop.example.com:443', 'https']);
      client.close();
    }
  });

  test('TLS 1.1 is not spoken, 1.2 and 1.3 are', async () => {
    for (const port of await everywhere()) {
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        const socket = await connect(port, 'shop.example.com', { minVersion: version, maxVersion: version });
        expect(socket.getProtocol()).toBe(version);
        socket.destroy();
      }
      const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
      await expect(connect(port, 'shop.example.com', old)).rejects.toThrow();
    }
  });

  test('a renewed certificate is served to new connections; open ones go on', async () => {
    const before = await Promise.all((await everywhere()).map((port) => connect(port, 'shop.example.com')));
    for (const socket of before) await ask(socket);
    await renew(shopRenewed);
    const renewed = await shownFingerprint(controlPlane);
    for (const port of await everywhere()) {
      await waitFor('the renewed certificate', async () => ((await fingerprint(port)) === renewed ? true : undefined));
    }
    for (const socket of before) {
      expect(socket.getPeerCertificate().fingerprint256).not.toBe(renewed);
      expect((await ask(socket)).backend).toBe('a');
      socket.destroy();
    }
  });

  test('a pair that does not fit is refused where it is written, and the old one stays', async () => {
    const serving = await shownFingerprint(controlPlane);
    const bad = secretYaml('shop', { certificate: shop.certificate, key: wild.key });
    const refused = await controlPlane.fetch('POST', '/v1/apply', bad);
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({ problems: [{ pointer: '/0/spec/key', code: 'invalid' }] });
    // a thread of ours may still have the one before
    for (const port of await everywhere()) await expect.poll(() => fingerprint(port)).toBe(serving);
  });

  test('everybody acknowledges the secrets, and nobody is shown a private key', async () => {
    const states = async (): Promise<unknown[]> => {
      const fleet = await controlPlane.rest<{ items: { types: Record<string, { state: string }> }[] }>(
        'GET',
        '/v1/nodes',
      );
      return fleet.items.map(({ types }) => types['secrets']?.state);
    };
    await expect.poll(states).toEqual(nodes.map(() => 'synced'));
    const shown = [
      JSON.stringify(await controlPlane.rest('GET', '/v1/xds/edge')),
      JSON.stringify(await controlPlane.rest('GET', '/v1/secrets')),
      (await run(['get', 'secrets', 'shop', '-o', 'yaml'], controlPlane.env)).stdout,
      controlPlane.program.stderr(),
      await (await fetch(`${ours.admin}/config_dump`)).text(),
      ours.program.stderr(),
      ...(await Promise.all(envoys.map((envoy) => envoy.admin('/config_dump')))),
    ].join('\n');
    expect(shown).toContain('shop.example.com');
    for (const { key } of [shop, shopRenewed, wild]) {
      const [, body = ''] = key.split('\n');
      expect(shown).not.toContain(body);
    }
  });

  test('a listener that turns from http to https speaks nothing else from then on', async () => {
    const turning = (spec: string) => `kind: Listener
name: turning
spec: { groups: [edge], address: 127.0.0.1, port: 0, ${spec} }
`;
    await controlPlane.apply(turning('protocol: http'));
    const port = () => ours.port('turning').catch(() => undefined);
    const plain = await waitFor('the listener', port);
    expect((await request(plain, { path: '/' })).status).toBe(200);
    await controlPlane.apply(turning('protocol: https, tls: { certificates: wild }'));
    const secured = await waitFor('the listener to turn', async () => {
      const now = await port();
      return now !== undefined && (await servedName(now, undefined).catch(() => '')) !== '' ? now : undefined;
    });
    await expect(request(secured, { path: '/' })).rejects.toThrow();
    if (secured !== plain) await expect(request(plain, { path: '/' })).rejects.toThrow();
    await controlPlane.rest('DELETE', '/v1/listeners/turning');
  });

  test('a listener that no longer needs a secret takes it from the nodes', async () => {
    await controlPlane.apply(listener.replace('[shop, wild]', '[shop]'));
    for (const portOf of nodes) {
      await waitFor('the other certificate to go', async () => {
        const asked = portOf().then((port) => servedName(port, 'a.wild.example.com'));
        // an Envoy moves to another port
        return (await asked.catch(() => undefined)) === 'shop.example.com' ? true : undefined;
      });
    }
    const served = await controlPlane.rest<{ secrets: { name: string }[] }>('GET', '/v1/xds/edge');
    expect(served.secrets.map(({ name }) => name)).toEqual(['shop']);
  });
});
