/** Who asks, how and under which id: what the upstream is told of it by our node and by a real Envoy, from the same documents. */
import { afterAll, expect, test } from 'vitest';
import { startEnvoy } from './support/envoy.ts';
import { Cleanup, run, startControlPlane, startDataPlane, waitFor } from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';
import { askRaw, startRawBackend } from './support/raw-http.ts';

const here = requirePeer('envoy');
const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const said: Readonly<Record<string, string>> = {
  nothing: '',
  'an address': 'x-forwarded-for: 1.2.3.4',
  'three addresses': 'x-forwarded-for: 1.1.1.1, 2.2.2.2 , 3.3.3.3',
  'addresses on two lines': 'X-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 2.2.2.2',
  'no address': 'x-forwarded-for: 1.1.1.1, unknown',
  'an address with a port': 'x-forwarded-for: 2.2.2.2:80',
  'an address of IPv6': 'x-forwarded-for: 2001:DB8:0::1',
  'an address in brackets': 'x-forwarded-for: [2001:db8::1]',
  'an empty list': 'x-forwarded-for:',
  'an empty end': 'x-forwarded-for: 1.1.1.1,',
  https: 'x-forwarded-proto: https',
  'https in capitals': 'x-forwarded-proto: HTTPS',
  'another protocol': 'x-forwarded-proto: wss',
  'two protocols': 'x-forwarded-proto: https\r\nx-forwarded-proto: http',
  'a port': 'x-forwarded-port: 99',
  'a request id': 'x-request-id: abc',
  'two request ids': 'x-request-id: abc\r\nx-request-id: def',
  'an empty request id': 'x-request-id:',
  'a certificate': 'x-forwarded-client-cert: Hash=1',
  forwarded: 'forwarded: for=1.1.1.1',
  control: [
    ...['max-retries: 3', 'retry-on: 5xx', 'upstream-rq-timeout-ms: 1', 'expected-rq-timeout-ms: 1', 'internal: true'],
    ...['force-trace: 1', 'ip-tags: a', 'retriable-status-codes: 200', 'upstream-alt-stat-name: a'],
    ...['original-path: /p', 'original-host: h', 'external-address: 9.9.9.9', 'decorator-operation: d'],
    ...['upstream-rq-per-try-timeout-ms: 1', 'retry-grpc-on: internal', 'downstream-service-cluster: c'],
  ]
    .map((line) => `x-envoy-${line}`)
    .join('\r\n'),
};
/** What a client says of these passes Envoy even where nobody is trusted; our edge takes it out. */
const stricter: Readonly<Record<string, string>> = {
  'a host': 'x-forwarded-host: evil',
  'other names of Envoy': 'x-envoy-attempt-count: 2\r\nx-envoy-peer-metadata: m',
};
const requests = { ...said, ...stricter };

/** An id is of use if it is the one that came, or a new one. */
const line = (text: string): string => text.replace(/^x-request-id: [0-9a-f-]{36}$/, 'x-request-id: new');

test.skipIf(!here)('our node tells the upstream of its clients what Envoy tells it', async () => {
  const controlPlane = await startControlPlane(cleanup);
  const { port } = await startRawBackend(cleanup, 'a');
  const hops = [0, 1, 2];
  const documents = [
    { kind: 'NodeGroup', name: 'edge', spec: { tier: 'l7' } },
    ...hops.map((trustedHops) => ({
      kind: 'Listener',
      name: `hops-${trustedHops}`,
      spec: { groups: 'edge', address: '127.0.0.1', port: 0, trustedHops },
    })),
    { kind: 'Cluster', name: 'a', spec: { endpoints: [{ address: '127.0.0.1', port }] } },
    {
      kind: 'Route',
      name: 'a',
      spec: {
        hosts: ['*'],
        to: [{ cluster: 'a' }],
        rewrite: { host: 'inner' },
        headers: { request: { set: { 'x-client': '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%' } } },
      },
    },
    {
      kind: 'Route',
      name: 'go',
      spec: { hosts: ['*'], match: { path: { exact: '/go' } }, redirect: { path: '/gone' } },
    },
    {
      kind: 'Route',
      name: 'secure',
      spec: {
        hosts: ['*'],
        match: { path: { exact: '/matched' }, headers: [{ name: 'x-forwarded-proto', exact: 'https' }] },
        respond: { status: 200, body: 'secure' },
      },
    },
  ];
  await controlPlane.apply(documents.map((document) => JSON.stringify(document)).join('\n---\n'));
  const node = await startDataPlane(cleanup, controlPlane, 'edge', 'ours');
  const bootstrap = await run(
    ['bootstrap', 'envoy', '--group', 'edge', '--id', 'envoy', '--xds', controlPlane.xds],
    controlPlane.env,
  );
  const envoy = await startEnvoy({ bootstrap: bootstrap.stdout });
  cleanup.add(() => envoy.stop());
  const told = async (at: number, path: string, headers: string, from?: string): Promise<unknown> => {
    const more = headers === '' ? '' : `${headers}\r\n`;
    const {
      status,
      seen,
      body,
      headers: answer,
    } = await askRaw(at, `GET ${path} HTTP/1.1\r\nhost: h\r\n${more}\r\n`, from);
    if (seen !== null) return seen.headers.map(line).sort();
    return { status, body, location: answer.find((one) => one.startsWith('location:')) };
  };
  for (const trustedHops of hops) {
    const ours = await node.port(`hops-${trustedHops}`);
    const theirs = await waitFor('the listeners of Envoy', () =>
      envoy.listenerPort(`hops-${trustedHops}`).catch(() => undefined),
    );
    for (const [what, headers] of Object.entries(trustedHops === 0 ? said : requests)) {
      for (const path of ['/', '/go', '/matched']) {
        expect(await told(ours, path, headers), `${trustedHops} trusted hops, ${path}, ${what}`).toEqual(
          await told(theirs, path, headers),
        );
      }
    }
    const local = await told(ours, '/', '', '127.0.0.1');
    expect(local, 'from 127.0.0.1').toEqual(await told(theirs, '/', '', '127.0.0.1'));
    if (trustedHops > 0) continue;
    const plain = await told(ours, '/', '');
    for (const [what, headers] of Object.entries(stricter)) expect(await told(ours, '/', headers), what).toEqual(plain);
  }
});
