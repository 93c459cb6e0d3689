/** Health checks as a load balancer makes them, by gRPC's own client. */
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { limits } from './limits.ts';
import { Harness } from './testing/harness.ts';

const asBytes = (bytes: Buffer): Buffer => bytes;
const ads = 'envoy.service.discovery.v3.AggregatedDiscoveryService';
/** HealthCheckRequest{service = 1}. */
const asking = (service: string): Buffer =>
  service === '' ? Buffer.alloc(0) : Buffer.from([10, service.length, ...Buffer.from(service)]);
const [serving, notServing, unknown] = [1, 2, 3].map((state) => Buffer.from([8, state]));

let harness: Harness;
let isServing = true;

async function start(): Promise<Client> {
  isServing = true;
  harness = await Harness.start({}, undefined, undefined, { isServing: () => isServing });
  const { host, port } = harness.server.address;
  const client = new Client(`${host}:${port}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  return client;
}

afterEach(() => harness.stop());

function check(client: Client, service: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const answered = (error: ServiceError | null, bytes?: Buffer): void =>
      bytes === undefined ? reject(error) : resolve(bytes);
    client.makeUnaryRequest('/grpc.health.v1.Health/Check', asBytes, asBytes, asking(service), answered);
  });
}

test.each(['', ads])('a check of %j says whether this replica serves', async (service) => {
  const client = await start();
  expect(await check(client, service)).toEqual(serving);
  isServing = false;
  expect(await check(client, service)).toEqual(notServing);
});

test('a service that is not there is not found', async () => {
  const client = await start();
  await expect(check(client, 'shop.Orders')).rejects.toMatchObject({ code: status.NOT_FOUND });
});

test('a watch is told at once, and of every change', async () => {
  const client = await start();
  const watch = (service: string) => {
    const path = '/grpc.health.v1.Health/Watch';
    const call = client.makeServerStreamRequest(path, asBytes, asBytes, asking(service), new Metadata());
    const told: Buffer[] = [];
    call.on('data', (bytes: Buffer) => told.push(bytes)).on('error', () => {});
    onTestFinished(() => call.cancel());
    return told;
  };
  const told = watch('');
  const toldOfUnknown = watch('shop.Orders');
  await expect.poll(() => told).toEqual([serving]);
  harness.timers.advance(limits.healthLookMs);
  isServing = false;
  harness.timers.advance(limits.healthLookMs);
  await expect.poll(() => told).toEqual([serving, notServing]);
  await expect.poll(() => toldOfUnknown).toEqual([unknown]);
});
