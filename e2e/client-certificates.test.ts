/** Client certificates by the documents of docs/https.md: who is let in, and what endpoints are told, by our node and by Envoy. */
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import {
  authoritiesYaml,
  type Certificate,
  type CertificateOptions,
  makeCertificate,
  secretYaml,
} from './support/certificates.ts';
import { startEnvoy } from './support/envoy.ts';
import { Cleanup, run, startBackend, startControlPlane, startDataPlane, waitFor } from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';

const here = requirePeer('envoy');
const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const page = readFileSync(new URL('../docs/https.md', import.meta.url), 'utf8');
const shown = Array.from(page.matchAll(/```yaml\n(.*?)```/gs), ([, yaml = '']) => yaml).find((yaml) =>
  yaml.includes('mode: require'),
);
if (shown === undefined) throw new Error('docs/https.md shows no listener that requires certificates of clients');

const authority = makeCertificate({ hosts: ['authority'], authority: true });
const second = makeCertificate({ hosts: ['second'], authority: true });
const signed = (uris: string[], hosts: string[], more: Partial<CertificateOptions> = {}) =>
  makeCertificate({ uris, hosts, issuer: authority, ...more });
const edge = makeCertificate({ hosts: ['shop.example.com'], uris: ['spiffe://example.com/edge'] });

const clients: Readonly<Record<string, Certificate | null>> = {
  'no certificate': null,
  'a URI': signed(['spiffe://example.com/orders'], []),
  'a host': signed([], ['build.example.com']),
  'several names': signed(['spiffe://example.com/a?b=c', 'https://x.example.com'], ['a.example.com', 'b.example.com']),
  'a common name in quotes': signed([], ['build.example.com'], { commonName: 'a, "b" + c;d=e \\ #\u00e9\u20ac\n' }),
  'another URI': signed(['spiffe://example.org/orders'], ['orders.example.com']),
  'another host': signed([], ['build.example.com.evil']),
  'a host in capitals': signed([], ['BUILD.example.com']),
  'a zero byte': signed(['spiffe://evil/\0spiffe://example.com/'], []),
  'the right end': signed(['https://evil/spiffe://example.com/'], []),
  'a stranger behind it': signed(['spiffe://example.com/orders'], [], { issuer: second }),
  'nobody behind it': makeCertificate({ hosts: [], uris: ['spiffe://example.com/orders'] }),
  'its time over': signed(['spiffe://example.com/orders'], [], { notAfter: new Date(Date.now() - 60_000) }),
};
const bad = ['a zero byte', 'a stranger behind it', 'nobody behind it', 'its time over'];
/** Where the names count. */
const welcome = ['a URI', 'a host', 'several names', 'a host in capitals', 'a common name in quotes'];

const forged = 'x-forwarded-client-cert: Hash=forged';

/** A route for those of whom the header begins so, which answers with `told`. */
const matching = (begins: string, told: string) => ({
  kind: 'Route',
  name: told,
  spec: {
    hosts: ['*'],
    match: { path: { exact: '/matched' }, headers: [{ name: 'x-forwarded-client-cert', prefix: begins }] },
    respond: { status: 200, body: JSON.stringify({ headers: { 'x-forwarded-client-cert': told } }) },
  },
});

/** What the endpoint was told of the client (null: nothing); `refused`. */
function told(port: number, certificate: Certificate | null, version: tls.SecureVersion, path = '/'): Promise<unknown> {
  return new Promise((resolve) => {
    let text = '';
    const socket = tls.connect({
      ...{ port, host: '127.0.0.1', servername: 'shop.example.com', rejectUnauthorized: false },
      ...{ minVersion: version, maxVersion: version },
      ...(certificate !== null && { cert: certificate.certificate, key: certificate.key }),
    });
    socket.once('secureConnect', () =>
      socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\n${forged}\r\nconnection: close\r\n\r\n`),
    );
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', () => {});
    socket.once('close', () => {
      const body = text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1);
      if (body === '') resolve('refused');
      else
        resolve((JSON.parse(body) as { headers: Record<string, string> }).headers['x-forwarded-client-cert'] ?? null);
    });
  });
}

test.skipIf(!here)('our node lets in whom Envoy lets in, and says the same of them', async () => {
  const controlPlane = await startControlPlane(cleanup);
  const { port } = await startBackend(cleanup, 'a');
  const onFreePort = shown.replace(/port: \d+/, 'address: 127.0.0.1\n  port: 0');
  await controlPlane.apply(
    [
      'kind: NodeGroup\nname: edge\n',
      secretYaml('shop', edge),
      authoritiesYaml('clients', authority),
      onFreePort,
      onFreePort
        .replace('name: partners', 'name: guests')
        .replace('mode: require', 'mode: request')
        .replace(/, sans: \[.*\]/, ''),
      `kind: Cluster\nname: a\nspec: { endpoints: [{ address: 127.0.0.1, port: ${port} }] }\n`,
      ...[matching('Hash=forged', 'forged'), matching('By=spiffe://example.com/edge;Hash=', 'matched')].map(
        (route) => `${JSON.stringify(route)}\n`,
      ),
      'kind: Route\nname: all\nspec: { hosts: ["*"], to: [{ cluster: a }] }\n',
    ].join('---\n'),
  );
  const node = await startDataPlane(cleanup, controlPlane, 'edge', 'ours');
  const flags = ['--group', 'edge', '--id', 'envoy', '--xds', controlPlane.xds];
  const bootstrap = await run(['bootstrap', 'envoy', ...flags], controlPlane.env);
  const envoy = await startEnvoy({ bootstrap: bootstrap.stdout });
  cleanup.add(() => envoy.stop());
  for (const listener of ['partners', 'guests']) {
    const ours = await node.port(listener);
    const theirs = await waitFor('the listener of Envoy', () => envoy.listenerPort(listener).catch(() => undefined));
    for (const [what, certificate] of Object.entries(clients)) {
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        const answer = await told(ours, certificate, version);
        expect(answer, `${listener}, ${what}, ${version}`).toEqual(await told(theirs, certificate, version));
        const isIn = listener === 'guests' ? !bad.includes(what) : welcome.includes(what);
        expect(answer !== 'refused', `${listener}, ${what}`).toBe(isIn);
        if (certificate !== null && isIn)
          expect(answer).toMatch(/^By=spiffe:\/\/example.com\/edge;Hash=[0-9a-f]{64};Subject=/);
      }
    }
  }
  for (const at of [await node.port('guests'), await envoy.listenerPort('guests')]) {
    expect(await told(at, clients['a URI']!, 'TLSv1.3', '/matched')).toBe('matched');
    expect(await told(at, null, 'TLSv1.3', '/matched')).toBe(null);
  }
  await controlPlane.apply(authoritiesYaml('clients', second));
  for (const at of [await node.port('partners'), await envoy.listenerPort('partners')]) {
    await waitFor('the other authority', async () => {
      const answer = await told(at, clients['a stranger behind it']!, 'TLSv1.3');
      return answer === 'refused' ? undefined : true;
    });
    expect(await told(at, clients['a URI']!, 'TLSv1.3')).toBe('refused');
  }
  const shownSecret = JSON.stringify(await controlPlane.rest('GET', '/v1/secrets/clients'));
  expect(shownSecret).toContain('CN=second');
});
