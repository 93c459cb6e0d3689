/**
 * `npm run idle-streams [-- --streams N --seconds N]`: so many gRPC calls of both directions through our node, all quiet
 * for so long, and then used. None may be cut.
 */
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { Cleanup, startControlPlane, startDataPlane } from '../support/fairlead.ts';
import { type InteropAnswer, type InteropRequest, startInteropServer } from '../support/grpc-interop.ts';

const { values } = parseArgs({
  options: { streams: { type: 'string', default: '1000' }, seconds: { type: 'string', default: '90' } },
});
const streams = Number(values.streams);
const seconds = Number(values.seconds);
/** What one connection of a client may carry at our listener. */
const streamsPerConnection = 100;

const toBytes = (value: InteropRequest): Buffer => Buffer.from(JSON.stringify(value));
const fromBytes = (bytes: Buffer): InteropAnswer => JSON.parse(String(bytes)) as InteropAnswer;

const cleanup = new Cleanup();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void cleanup.run().finally(() => process.exit(1)));
}
try {
  const server = await startInteropServer(cleanup);
  const controlPlane = await startControlPlane(cleanup);
  await controlPlane.apply(`{ kind: NodeGroup, name: edge }
---
{ kind: Listener, name: public, spec: { groups: edge, address: 127.0.0.1, port: 0 } }
---
{ kind: Cluster, name: interop, spec: { protocol: grpc, endpoints: { address: 127.0.0.1, port: ${server.port} } } }
---
{ kind: Route, name: interop, spec: { hosts: grpc.example.com, to: { cluster: interop } } }
`);
  const port = await (await startDataPlane(cleanup, controlPlane, 'edge', 'ours')).port('public');
  const own = { 'grpc.default_authority': 'grpc.example.com', 'grpc.use_local_subchannel_pool': 1 };
  const clients = Array.from({ length: Math.ceil(streams / streamsPerConnection) }, () => {
    return new Client(`127.0.0.1:${port}`, credentials.createInsecure(), own);
  });
  cleanup.add(() => {
    for (const client of clients) client.close();
  });

  const path = '/grpc.testing.TestService/FullDuplexCall';
  const calls = Array.from({ length: streams }, (_, i) =>
    clients[i % clients.length]!.makeBidiStreamRequest(path, toBytes, fromBytes, new Metadata(), {}),
  );
  const ends = calls.map(async (call) => {
    let answers = 0;
    call.on('data', () => answers++);
    call.on('error', () => {});
    const [{ code }] = (await once(call, 'status')) as [{ code: number }];
    return code === 0 && answers === 2;
  });
  const answered = calls.map((call) => once(call, 'data'));
  for (const call of calls) call.write({ sizes: [10] });
  await Promise.all(answered);
  console.log(`${streams} streams stand on ${clients.length} connections; quiet for ${seconds} s.`);
  await wait(seconds * 1_000);
  for (const call of calls) {
    call.write({ sizes: [10] });
    call.end();
  }
  const good = (await Promise.all(ends)).filter(Boolean).length;
  console.log(`${good} of ${streams} were whole, ${streams - good} were cut.`);
  if (good < streams) process.exitCode = 1;
} finally {
  await cleanup.run();
}
