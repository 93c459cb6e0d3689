/** Load reports on real streams: who may report, what is asked for, what is taken. */
import { Client, type ClientDuplexStream, credentials, Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { decode, durationMs, encode } from '../../proto/codec.ts';
import type { LoadStatsRequest, LoadStatsResponse } from '../../proto/envoy.ts';
import type { AuthorizeStream } from './ports.ts';
import { Harness } from './testing/harness.ts';
import { node } from './testing/raw-client.ts';
import type { Contents } from './testing/snapshots.ts';

const path = '/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats';
const asBytes = (bytes: Buffer): Buffer => bytes;
const sendsAll = { ...node, client_features: ['envoy.lrs.supports_send_all_clusters'] };

let harness: Harness;
const clients: Client[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await harness.stop();
});

async function start(contents: Contents, authorize?: AuthorizeStream): Promise<void> {
  harness = await Harness.start(contents, authorize);
}

class Reporter {
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #asked: LoadStatsResponse[] = [];
  #onAsked: (() => void) | undefined;
  readonly ended: Promise<StatusObject>;

  constructor(token = 'secret') {
    const { host, port } = harness.server.address;
    const client = new Client(`${host}:${port}`, credentials.createInsecure());
    clients.push(client);
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    this.#call = client.makeBidiStreamRequest(path, asBytes, asBytes, metadata);
    this.#call.on('data', (bytes: Buffer) => {
      this.#asked.push(decode('envoy.service.load_stats.v3.LoadStatsResponse', bytes));
      this.#onAsked?.();
    });
    this.#call.on('error', () => {});
    this.ended = new Promise((resolve) => {
      this.#call.on('status', resolve);
    });
  }

  send(request: LoadStatsRequest): this {
    this.#call.write(Buffer.from(encode('envoy.service.load_stats.v3.LoadStatsRequest', request)));
    return this;
  }

  sendBytes(bytes: Buffer): void {
    this.#call.write(bytes);
  }

  halfClose(): void {
    this.#call.end();
  }

  /** The next thing that the server asks for. */
  async asked(): Promise<LoadStatsResponse> {
    for (let first = this.#asked.shift(); ; first = this.#asked.shift()) {
      if (first !== undefined) return first;
      await new Promise<void>((resolve) => {
        this.#onAsked = resolve;
      });
    }
  }
}

test('a node that can is asked for all its clusters, every 10 s', async () => {
  await start({ clusters: { a: 1 } });
  const asked = await new Reporter().send({ node: sendsAll }).asked();
  expect(asked.send_all_clusters).toBe(true);
  expect(asked).not.toHaveProperty('clusters');
  expect(durationMs(asked.load_reporting_interval as { seconds: number })).toBe(10_000);
});

test("another node is asked for its group's clusters by name, and again when they change", async () => {
  await start({ clusters: { a: 1, b: 1 } });
  const reporter = new Reporter().send({ node });
  expect((await reporter.asked()).clusters).toEqual(['a', 'b']);
  harness.publish({ clusters: { a: 2, b: 1 } });
  harness.publish({ clusters: { a: 2, c: 1 } });
  expect((await reporter.asked()).clusters).toEqual(['a', 'c']);
  reporter.halfClose();
  expect((await reporter.ended).code).toBe(status.OK);
  expect(harness.loads.ends).toEqual([harness.loads.reports[0]?.node]);
  expect(harness.watches).toBe(0);
  expect(harness.timers.pending).toBe(0);
});

test('a report is taken by cluster and locality, for the clusters that the group is served and for no others', async () => {
  await start({ clusters: { a: 1 } });
  const reporter = new Reporter().send({ node: sendsAll });
  const locality = { region: 'r', zone: 'z', sub_zone: 's' };
  const upstream_locality_stats = [
    {
      locality,
      total_issued_requests: 9,
      total_successful_requests: 5,
      total_error_requests: 1,
      total_requests_in_progress: 3,
    },
  ];
  reporter.send({
    cluster_stats: [
      { cluster_name: 'a', upstream_locality_stats, total_dropped_requests: 2 },
      { cluster_name: 'payments/secret', upstream_locality_stats },
    ],
  });
  await harness.loads.until(2);
  const [first, second] = harness.loads.reports;
  expect(first?.report.clusters).toEqual([]);
  expect(second?.node).toMatchObject({ id: 'n1', group: 'edge' });
  expect(second?.report).toEqual({
    intervalMs: 10_000,
    clusters: [
      {
        cluster: 'a',
        dropped: 2,
        localities: [{ region: 'r', zone: 'z', subZone: 's', issued: 9, successful: 5, errors: 1, inProgress: 3 }],
      },
    ],
  });
});

test.each([
  ['unauthenticated', status.UNAUTHENTICATED],
  ['permission-denied', status.PERMISSION_DENIED],
] as const)('a stream that is refused as %s ends with the sentence that says what to do', async (code, number) => {
  const asked: unknown[] = [];
  await start({ clusters: { a: 1 } }, async (token, { group }) => {
    asked.push([token, group]);
    return { ok: false, code, message: 'Create a token with the role node:edge' };
  });
  const { ended } = new Reporter('wrong').send({ node: sendsAll }).send({ cluster_stats: [{ cluster_name: 'a' }] });
  expect(await ended).toMatchObject({ code: number, details: 'Create a token with the role node:edge' });
  expect(asked).toEqual([['wrong', 'edge']]);
  expect(harness.loads.reports).toEqual([]);
  expect(harness.loads.ends).toEqual([]);
});

test('a stream says who reports, in words that can be read, within 30 s', async () => {
  await start({});
  expect(await new Reporter().send({}).ended).toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: expect.stringContaining('node.id'),
  });
  const long = { ...node, cluster: 'x'.repeat(257) };
  expect((await new Reporter().send({ node: long }).ended).details).toContain('node.cluster');
  const garbled = new Reporter();
  garbled.sendBytes(Buffer.from([0xff]));
  expect((await garbled.ended).code).toBe(status.INVALID_ARGUMENT);
  const silent = new Reporter();
  await harness.timers.untilPending(1);
  harness.timers.advance(30_000);
  expect((await silent.ended).code).toBe(status.DEADLINE_EXCEEDED);
});

test('a shutdown ends the streams without an error', async () => {
  await start({});
  const reporter = new Reporter().send({ node: sendsAll });
  await reporter.asked();
  await harness.server.close(1000);
  expect((await reporter.ended).code).toBe(status.OK);
});
