/** Clients that show certificates: who is let in, and what upstream is told of them. */
import { X509Certificate } from 'node:crypto';
import http2 from 'node:http2';
import tls from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { type Certificate, makeCertificate } from '../../e2e/support/certificates.ts';
import type { ClientCertificatesConfig, TlsConfig } from '../model/config.ts';
import { startProxy, startRawUpstream } from '../proxy-testing.ts';
import { clusterOf } from '../testing.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

const authority = makeCertificate({ hosts: ['authority'], authority: true });
const stranger = makeCertificate({ hosts: ['stranger'], authority: true });
const between = makeCertificate({ hosts: ['between'], authority: true, issuer: authority });
const ordersName = 'spiffe://example.com/orders';
const orders = makeCertificate({ hosts: ['orders.a'], uris: [ordersName], issuer: authority });
const billing = makeCertificate({ hosts: ['billing.a'], uris: ['spiffe://example.org/billing'], issuer: authority });
const forged = makeCertificate({ hosts: ['orders.a'], uris: [ordersName], issuer: stranger });
const old = makeCertificate({ hosts: ['orders.a'], uris: [ordersName], issuer: authority, notAfter: new Date(1) });
const deeper = makeCertificate({ hosts: ['orders.a'], uris: [ordersName], issuer: between });
const server = makeCertificate({ hosts: ['shop.example.com'], uris: ['spiffe://example.com/edge'] });

const client: ClientCertificatesConfig = {
  required: true,
  authorities: authority.certificate,
  names: [{ type: 'uri', value: 'spiffe://example.com/', prefix: true }],
};
const pair = { name: 'shop', chain: server.certificate, key: server.key, hosts: ['shop.example.com'] };
const config: TlsConfig = {
  certificates: [pair],
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  alpn: ['h2', 'http/1.1'],
  handshakeTimeoutMs: 10_000,
  client,
};

async function start(asked: Partial<ClientCertificatesConfig> = {}) {
  const seen: string[] = [];
  const upstream = await startRawUpstream((socket, all) => {
    const text = all.toString('latin1');
    if (!text.endsWith('\r\n\r\n')) return;
    seen.push(text);
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok', 'latin1');
  });
  const proxy = await startProxy({
    cluster: clusterOf([upstream.port]),
    tls: { ...config, client: { ...client, ...asked } },
    chain: { forwardClientCert: { subject: true, uri: true, dns: true } },
  });
  running.push(upstream, proxy);
  return { proxy, seen };
}

const shows = (certificate: Certificate | null): tls.ConnectionOptions =>
  certificate === null ? {} : { cert: certificate.certificate, key: certificate.key };

const head = 'GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-client-cert: Hash=forged\r\nconnection: close\r\n\r\n';

interface Told {
  /** Empty: the connection was closed without one. */
  readonly answer: string;
  readonly reused: boolean;
  readonly session: Buffer | undefined;
}

/** One request; what came until the connection was over. */
function ask(port: number, options: tls.ConnectionOptions): Promise<Told> {
  return new Promise((resolve) => {
    let answer = '';
    let reused = false;
    let session: Buffer | undefined;
    const base = { port, host: '127.0.0.1', servername: 'shop.example.com', rejectUnauthorized: false };
    const socket = tls.connect({ ...base, ...options }, () => {
      reused = socket.isSessionReused();
      socket.write(head, 'latin1');
    });
    socket.on('session', (one: Buffer) => {
      session = one;
    });
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('error', () => {});
    socket.once('close', () => resolve({ answer, reused, session }));
  });
}

const versions = ['TLSv1.2', 'TLSv1.3'] as const;
const hashOf = ({ certificate }: Certificate): string =>
  new X509Certificate(certificate).fingerprint256.replaceAll(':', '').toLowerCase();
const told = (text: string): string[] => text.split('\r\n').filter((line) => /^x-forwarded-client-cert:/i.test(line));

const shown: Readonly<Record<string, Certificate | null>> = {
  'no certificate': null,
  'a good one': orders,
  'one with another name': billing,
  'one that somebody else has signed': forged,
  'one that signs itself': makeCertificate({ hosts: ['orders.a'], uris: [ordersName] }),
  'one that has run out': old,
  'one whose chain is not whole': deeper,
};

test.each(versions.flatMap((version) => Object.keys(shown).map((what) => [what, version] as const)))(
  'who shows %s (%s) is let in as the mode says',
  async (what, version) => {
    for (const required of [true, false]) {
      const { proxy, seen } = await start({ required });
      const { answer } = await ask(proxy.port, { ...shows(shown[what]!), minVersion: version, maxVersion: version });
      const isIn = what === 'a good one' || (what === 'no certificate' && !required);
      expect([required, answer.slice(0, 15)]).toEqual([required, isIn ? 'HTTP/1.1 200 OK' : '']);
      expect(seen).toHaveLength(isIn ? 1 : 0);
      expect(proxy.server.listenerStats.sslHandshake.value).toBe(isIn ? 1 : 0);
      expect(proxy.server.listenerStats.sslConnectionError.value).toBe(isIn ? 0 : 1);
      const by = `x-forwarded-client-cert: By=spiffe://example.com/edge;Hash=${hashOf(orders)};`;
      const told_ = `${by}Subject="CN=orders.a";URI=${ordersName};DNS=orders.a`;
      expect(seen.flatMap(told)).toEqual(what === 'a good one' ? [told_] : []);
      expect(proxy.faults).toEqual([]);
    }
  },
);

test('an authority that is no root is one all the same, and so is the end of a chain that leads to one', async () => {
  const whole = { ...shows(deeper), cert: `${deeper.certificate}${between.certificate}` };
  const roots = await start();
  expect((await ask(roots.proxy.port, whole)).answer).toContain('200 OK');
  const other = await start({ authorities: between.certificate });
  expect((await ask(other.proxy.port, shows(deeper))).answer).toContain('200 OK');
  expect((await ask(other.proxy.port, shows(orders))).answer).toBe('');
});

test('whichever certificate the host chooses, clients are asked', async () => {
  const { proxy } = await start();
  const wild = makeCertificate({ hosts: ['wild.example.com'] });
  const second = { name: 'wild', chain: wild.certificate, key: wild.key, hosts: ['wild.example.com'] };
  proxy.server.updateTls({ ...config, certificates: [pair, second] });
  for (const servername of ['shop.example.com', 'wild.example.com', 'nobody.example.com']) {
    expect((await ask(proxy.port, { ...shows(orders), servername })).answer).toContain('200 OK');
    expect((await ask(proxy.port, { ...shows(forged), servername })).answer).toBe('');
    expect((await ask(proxy.port, { servername })).answer).toBe('');
  }
});

test.each(versions)('a session that is resumed (%s) is as good as its certificate', async (version) => {
  const { proxy, seen } = await start();
  const only = { minVersion: version, maxVersion: version } as const;
  const first = await ask(proxy.port, { ...shows(orders), ...only });
  const resumed = await ask(proxy.port, { session: first.session!, ...only });
  expect([resumed.reused, resumed.answer.slice(0, 15)]).toEqual([true, 'HTTP/1.1 200 OK']);
  expect(told(seen[1]!)).toEqual(told(seen[0]!));
  expect(told(seen[0]!)[0]).toContain(hashOf(orders));

  // it has run out since
  Object.assign(proxy.shared, { wallClock: () => Date.now() + 48 * 3_600_000 });
  const late = await ask(proxy.port, { session: resumed.session ?? first.session!, ...only });
  expect([late.reused, late.answer]).toEqual([true, '']);
  expect(seen).toHaveLength(2);
});

test.each(versions)('a session (%s) does not outlive the authority that it was begun with', async (version) => {
  const { proxy } = await start();
  const only = { minVersion: version, maxVersion: version } as const;
  const { session } = await ask(proxy.port, { ...shows(orders), ...only });
  proxy.server.updateTls({ ...config, client: { ...client, authorities: stranger.certificate } });
  const again = await ask(proxy.port, { session: session!, ...only });
  expect([again.reused, again.answer]).toEqual([false, '']);
  expect((await ask(proxy.port, { session: session!, ...shows(forged), ...only })).answer).toContain('200 OK');
});

test('nor does one of a client without a certificate become one of a client with one', async () => {
  const { proxy, seen } = await start({ required: false });
  const first = await ask(proxy.port, {});
  const resumed = await ask(proxy.port, { ...shows(orders), session: first.session! });
  expect([resumed.reused, resumed.answer.slice(0, 15)]).toEqual([true, 'HTTP/1.1 200 OK']);
  expect(seen.flatMap(told)).toEqual([]);
});

test('each request of an HTTP/2 connection says it, and nothing that its client says of it', async () => {
  const { proxy, seen } = await start();
  const connection = http2.connect('https://shop.example.com', {
    createConnection: () =>
      tls.connect({
        ...{ port: proxy.port, host: '127.0.0.1', servername: 'shop.example.com', rejectUnauthorized: false },
        ...{ ...shows(orders), ALPNProtocols: ['h2'] },
      }),
  });
  for (const _ of [1, 2]) {
    await new Promise((resolve, reject) => {
      const stream = connection.request({ ':path': '/', 'x-forwarded-client-cert': 'Hash=forged' });
      stream
        .once('error', reject)
        .once('close', () => resolve(undefined))
        .resume();
    });
  }
  connection.destroy();
  expect(seen).toHaveLength(2);
  for (const text of seen) expect(told(text)).toEqual([expect.stringContaining(`;Hash=${hashOf(orders)};Subject=`)]);
});
