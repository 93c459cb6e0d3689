/** Reports of health on real streams: who may report, how fast, and what is taken. */
import { Client, type ClientDuplexStream, credentials, Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { decode, durationMs, encode } from '../../proto/codec.ts';
import type { HealthReport } from '../../proto/envoy.ts';
import { limits } from './limits.ts';
import type { AuthorizeStream } from './ports.ts';
import { Harness } from './testing/harness.ts';
import { node } from './testing/raw-client.ts';

const asBytes = (bytes: Buffer): Buffer => bytes;

let harness: Harness;
const clients: Client[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await harness.stop();
});

function open() {
  const { host, port } = harness.server.address;
  const client = new Client(`${host}:${port}`, credentials.createInsecure());
  clients.push(client);
  const metadata = new Metadata();
  metadata.set('authorization', 'Bearer secret');
  const path = '/fairlead.report.v1.NodeReports/StreamHealth';
  const call: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(path, asBytes, asBytes, metadata);
  call.on('error', () => {});
  return {
    asked: new Promise<Buffer>((resolve) => call.once('data', resolve)),
    ended: new Promise<StatusObject>((resolve) => call.on('status', resolve)),
    send: (report: HealthReport) => call.write(Buffer.from(encode('fairlead.report.v1.HealthReport', report))),
    sendBytes: (bytes: Buffer) => call.write(bytes),
    end: () => call.end(),
  };
}

test('a node is asked for reports, and is heard until its stream ends', async () => {
  harness = await Harness.start({ clusters: { a: 1 } });
  const stream = open();
  stream.send({ node });
  const { interval } = decode('fairlead.report.v1.HealthReportRequest', await stream.asked);
  expect(durationMs(interval as { seconds?: number })).toBe(1_000);
  stream.send({
    clusters: [
      {
        name: 'a',
        endpoints: [
          { address: '10.0.0.1:80', state: 'UNHEALTHY', age: { seconds: 2, nanos: 5e8 }, reason: 'status 503' },
          { address: '[2001:db8::1]:80', state: 'SLOW_START' },
        ],
        gone: ['10.0.0.3:80'],
      },
    ],
  });
  await harness.healths.until(2);
  expect(harness.healths.reports[1]?.report).toEqual([
    {
      cluster: 'a',
      endpoints: [
        { address: '10.0.0.1:80', state: 'unhealthy', ageMs: 2_500, reason: 'status 503' },
        { address: '[2001:db8::1]:80', state: 'slow-start', ageMs: 0, reason: '' },
      ],
      gone: ['10.0.0.3:80'],
    },
  ]);
  stream.end();
  expect((await stream.ended).code).toBe(status.OK);
  expect(harness.healths.ends).toEqual([harness.healths.reports[0]?.node]);
});

test('a node speaks only for clusters that it is served, of addresses, in states that there are, and in plain words', async () => {
  harness = await Harness.start({ clusters: { a: 1 } });
  const stream = open();
  const endpoints = [
    { address: 'evil\u001b[31m:80', state: 'HEALTHY' },
    { address: `10.0.0.1:${'1'.repeat(1_000)}`, state: 'HEALTHY' },
    { address: '10.0.0.1:80' },
    { address: '10.0.0.1:80', state: 77 },
    { address: '10.0.0.2:80', state: 'EJECTED', age: { seconds: -5 }, reason: `\u001b[2Jx\n${'y'.repeat(5_000)}` },
  ];
  stream.send({
    node,
    clusters: [
      { name: 'payments/secret', endpoints },
      { name: 'a', endpoints },
      { name: 'left', endpoints, gone: ['10.0.0.2:80'] },
    ],
  });
  await harness.healths.until(1);
  const [{ cluster, endpoints: taken } = { cluster: '', endpoints: [] }, ...others] =
    harness.healths.reports[0]?.report ?? [];
  expect([cluster, others]).toEqual(['a', [{ cluster: 'left', endpoints: [], gone: ['10.0.0.2:80'] }]]);
  expect(taken).toMatchObject([{ address: '10.0.0.2:80', state: 'ejected', ageMs: 0 }]);
  const { reason = '' } = taken[0] ?? {};
  expect(reason).toMatch(/^\ufffd\[2Jx\ufffdy+…$/u);
  expect(reason.length).toBe(limits.healthReasonLength + 1);
});

test.each([
  ['unauthenticated', status.UNAUTHENTICATED],
  ['permission-denied', status.PERMISSION_DENIED],
] as const)('a node that is refused as %s reports nothing', async (code, number) => {
  const authorize: AuthorizeStream = async () => ({ ok: false, code, message: 'Create a token' });
  harness = await Harness.start({ clusters: { a: 1 } }, authorize);
  const stream = open();
  stream.send({ node, clusters: [{ name: 'a', endpoints: [{ address: '10.0.0.1:80', state: 'HEALTHY' }] }] });
  expect(await stream.ended).toMatchObject({ code: number, details: 'Create a token' });
  expect([harness.healths.reports, harness.healths.ends]).toEqual([[], []]);
});

test('what is no report ends the stream', async () => {
  harness = await Harness.start({});
  const stream = open();
  stream.sendBytes(Buffer.from([0xff]));
  expect(await stream.ended).toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: 'the request is no fairlead.report.v1.HealthReport',
  });
});
