import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningEnvoy, startEnvoy } from './support/envoy.ts';
import {
  Cleanup,
  type ControlPlaneProcess,
  type DataPlaneProcess,
  run,
  startControlPlane,
  startDataPlane,
  waitFor,
} from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';
import { startTcpBackend } from './support/tcp-backend.ts';

const cleanup = new Cleanup();
let controlPlane: ControlPlaneProcess;
let node: DataPlaneProcess;
let example: string;
const seen: string[] = [];

/** Answers with its name, the method and the body; `/503` with that status, `/reset` not at all. */
async function startUpstream(name: string): Promise<number> {
  return startTcpBackend(cleanup, (socket) => {
    let got = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      got += chunk;
      const head = got.indexOf('\r\n\r\n') + 4;
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(got)?.[1] ?? 0);
      if (head < 4 || got.length < head + length) return;
      const [method, path = ''] = got.split(' ');
      const text = `${name} ${method} ${got.slice(head)}`;
      got = '';
      seen.push(`${name} ${path}`);
      const status = name === 'page' ? (path === '/no-page' ? 404 : 200) : Number(/\d+/.exec(path)?.[0] ?? 200);
      if (name === 'shop' && path === '/reset') socket.resetAndDestroy();
      else socket.write(`HTTP/1.1 ${status} X\r\ncontent-length: ${text.length}\r\n\r\n${text}`);
    });
  });
}

/** Sends one request and reads to the end of the connection: the status and the body. */
async function ask(port: number, asked: string): Promise<string> {
  const [method, target = '', body = ''] = asked.split(' ');
  const [, host = '', path] = /^([^/]+)(.+)$/.exec(target) ?? [];
  const socket = net.connect(port, '127.0.0.1');
  const length = method === 'POST' ? `content-length: ${body.length}\r\n` : '';
  socket.write(`${method} ${path} HTTP/1.1\r\nhost: ${host}.example.com\r\n${length}connection: close\r\n\r\n${body}`);
  let got = '';
  for await (const chunk of socket.setEncoding('latin1')) got += chunk;
  return `${got.slice(9, 12)} ${got.slice(got.indexOf('\r\n\r\n') + 4)}`;
}

beforeAll(async () => {
  const page = await readFile(new URL('../docs/retries.md', import.meta.url), 'utf8');
  example = /^```yaml\n(.*?)^```$/ms.exec(page)![1]!;
  controlPlane = await startControlPlane(cleanup);
  const cluster = (name: string, ...ports: number[]): string =>
    `{ kind: Cluster, name: ${name}, spec: { endpoints: [${ports.map((port) => `{ address: 127.0.0.1, port: ${port} }`)}] } }`;
  const route = (name: string, fields: string): string =>
    `{ kind: Route, name: ${name}, spec: { hosts: [${name}.example.com], ${fields} } }`;
  await controlPlane.apply(
    [
      '{ kind: NodeGroup, name: edge }',
      '{ kind: Listener, name: public, spec: { groups: edge, address: 127.0.0.1, port: 0, accessLog: { format: json, to: stdout } } }',
      ...[cluster('shop', await startUpstream('shop')), cluster('static-page', await startUpstream('page'))],
      ...[cluster('empty'), example],
      route('empty', 'to: { cluster: empty }, fallback: { cluster: static-page, on: no-healthy }'),
      route('strict', 'to: { cluster: empty }, fallback: { cluster: static-page, on: 5xx }'),
      route('nowhere', 'to: { cluster: shop }, fallback: { cluster: empty }'),
      route('plain', 'to: { cluster: shop }'),
    ].join('\n---\n'),
  );
  node = await startDataPlane(cleanup, controlPlane, 'edge', 'ours');
});

afterAll(() => cleanup.run());

/** What is asked, what our node answers, which upstreams had it in which order, and what an Envoy answers. */
const rows: readonly (readonly [asked: string, ours: string, tries: readonly string[], envoys: string])[] = [
  ['GET shop/', '200 shop GET ', ['shop'], '200 shop GET '],
  ['GET shop/404', '404 shop GET ', ['shop'], '404 shop GET '],
  ['GET shop/500', '200 page GET ', ['shop', 'page'], '500 shop GET '],
  ['GET shop/503', '200 page GET ', ['shop', 'shop', 'page'], '503 shop GET '],
  ['POST shop/500 order', '200 page POST order', ['shop', 'page'], '500 shop POST order'],
  ['GET shop/reset', '200 page GET ', ['shop', 'shop', 'page'], '503 upstream connect error'],
  ['GET empty/', '200 page GET ', ['page'], '503 no healthy upstream'],
  ['GET empty/no-page', '404 page GET ', ['page'], '503 no healthy upstream'],
  ['GET strict/', '503 no healthy upstream', [], '503 no healthy upstream'],
  ['GET nowhere/500', '500 shop GET ', ['shop'], '500 shop GET '],
  ['GET plain/500', '500 shop GET ', ['shop'], '500 shop GET '],
];

test.each(rows)('%s: %s', async (asked, ours, tries) => {
  seen.length = 0;
  expect(await ask(await node.port('public'), asked)).toBe(ours);
  expect(seen.map((one) => one.split(' ')[0])).toEqual(tries);
});

test('its log and its counts are those of the cluster that answered', async () => {
  const path = '/500?logged';
  expect(await ask(await node.port('public'), `GET shop${path}`)).toBe('200 page GET ');
  const line = await waitFor('the log', () =>
    node.program
      .stdout()
      .split('\n')
      .find((entry) => entry.includes(path)),
  );
  expect(JSON.parse(line)).toMatchObject({ status: 200, flags: '-', upstream_cluster: 'static-page' });
  const stats = await (await fetch(`${node.admin}/stats`)).text();
  expect(stats).toMatch(/^cluster\.static-page\.upstream_rq_2xx: [1-9]/m);
  expect(stats).toMatch(/^cluster\.shop\.upstream_rq_total: [1-9]/m);
  expect(stats).toMatch(/^cluster\.shop\.upstream_rq_active: 0$/m);
});

test.skipIf(requirePeer('envoy') === undefined)(
  'an Envoy takes the same documents, and passes the errors on',
  async () => {
    const bootstrap = await run(
      ['bootstrap', 'envoy', '--group', 'edge', '--id', 'envoy', '--xds', controlPlane.xds],
      controlPlane.env,
    );
    const envoy: RunningEnvoy = await startEnvoy({ bootstrap: bootstrap.stdout });
    cleanup.add(() => envoy.stop());
    const port = await waitFor('the listener of Envoy', () => envoy.listenerPort('public').catch(() => undefined));
    for (const [asked, , , envoys] of rows) expect((await ask(port, asked)).startsWith(envoys), asked).toBe(true);
  },
);

test('without it, from the next apply on, errors pass', async () => {
  await controlPlane.apply(example.replace(/^ {2}fallback: .*\n/m, ''));
  const port = await node.port('public');
  await waitFor('the error', async () => ((await ask(port, 'GET shop/500')) === '500 shop GET ' ? true : undefined));
});
