/** Connections on real sockets that are asked to go to another replica. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { credentials, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { serverFiles } from '../../e2e/support/tls.ts';
import { typeUrls } from '../../proto/type-urls.ts';
import { limits } from './limits.ts';
import { Harness } from './testing/harness.ts';
import { encodeFirstRequest, node, type RawClient, type RawStream } from './testing/raw-client.ts';
import { streamPath } from './testing/stream-path.ts';
import type { TlsFiles } from './tls-files.ts';

const shedding = { ...limits.shedding, settleMs: 0, begin: { factor: 1.2, nodes: 1 } };

let harness: Harness;

async function start(tls?: TlsFiles): Promise<void> {
  const others = () => new Map([['other', 0]]);
  harness = await Harness.start({ clusters: { a: 1 } }, undefined, undefined, { shedding, others, tls });
}

afterEach(() => harness.stop());

const join = (connection: RawClient, id: string): RawStream =>
  connection
    .open('delta')
    .delta({ node: { ...node, id }, type_url: typeUrls.clusters, resource_names_subscribe: ['*'] });

describe('a connection that is sent away', () => {
  test.each([
    ['plain', undefined, credentials.createInsecure()],
    ['TLS', serverFiles, credentials.createSsl(readFileSync(serverFiles.clientCa))],
  ])(
    'over %s, its streams end without an error, the others stay, and who comes back is served',
    async (_, tls, channel) => {
      await start(tls);
      const connections = [0, 1].map(() => harness.connect(channel));
      const streams = connections.map((connection, index) => join(connection, `n${index}`));
      for (const stream of streams) await stream.take();
      await harness.observer.until(() => harness.observer.verdicts === 2);
      harness.timers.advance(shedding.everyMs);
      const gone = await Promise.race(streams.map(({ ended }, index) => ended.then(({ code }) => ({ code, index }))));
      expect(gone.code).toBe(status.OK);
      expect(harness.server.nodesShed).toBe(1);
      harness.publish({ clusters: { a: 2 } });
      await streams[1 - gone.index]?.take();
      // the same channel, which has to connect anew: nothing of its first connection is in the way
      const [connection, id] = [connections[gone.index], `n${gone.index}`];
      if (connection !== undefined) await join(connection, id).take();
      expect(harness.observer.open.size).toBe(2);
    },
  );

  test('is told by GOAWAY, and cut if its client does not close it', async () => {
    await start();
    const { host, port } = harness.server.address;
    const session = connect(`http://${host}:${port}`);
    const goAway = once(session, 'goaway');
    const closed = once(session, 'close');
    for (const id of ['a', 'b']) await join(harness.connect(), id).take();
    const stream = session.request({
      ...{ ':method': 'POST', ':path': streamPath('delta', 'ads') },
      ...{ 'content-type': 'application/grpc', te: 'trailers' },
    });
    const request = encodeFirstRequest('delta', 'clusters', ['*']);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(request.length, 1);
    stream.write(Buffer.concat([head, request]));
    await harness.observer.until(() => harness.observer.open.size === 3);
    // of three the second goes by chance, and of the two that are left this one
    for (const left of [2, 1]) {
      harness.timers.advance(shedding.everyMs);
      await harness.observer.until(() => harness.observer.open.size === left);
    }
    expect((await goAway)[0]).toBe(0);
    harness.timers.advance(limits.goAwayGraceMs);
    await closed;
  });
});
