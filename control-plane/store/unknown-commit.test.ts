/** A commit to which no answer comes. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { startPostgres } from '../../e2e/support/postgres.ts';
import { openStore } from './open.ts';
import { put, storeErrorOf, tenantNames, until } from './testing.ts';

test('a commit whose answer was lost is looked up: what the database took counts as written', async () => {
  const server = await startPostgres();
  const url = await server.createDatabase();
  const wire = await cuttableWire(server.port);
  const through = Object.assign(new URL(url), { port: String(wire.port) }).href;
  const store = await openStore({
    dir: '',
    databaseUrl: through,
    // a fault that comes up during a look is cleared by the next one
    pollMs: 2_000,
    logger: pino({ level: 'silent' }),
  });
  try {
    wire.cutAfter('commit');
    expect(await put(store, 'taken')).toEqual({ revision: 1, result: undefined });
    expect(wire.cuts()).toBe(1);
    expect(tenantNames(store)).toEqual(['taken']);

    // Cut before the commit arrived: it was not taken, and the write says so.
    await until(() => store.healthy(), 'the store is back');
    wire.cutBefore('commit');
    const error = await storeErrorOf(put(store, 'lost'));
    expect([error.code, wire.cuts()]).toEqual(['unreachable', 2]);
    expect(error.message).not.toMatch(/not known/);
    expect(await put(store, 'next')).toMatchObject({ revision: 2 });
    expect(tenantNames(store)).toEqual(['next', 'taken']);
  } finally {
    await store.close();
    await wire.close();
    await server.stop();
  }
});

/** A connection in between that breaks, once, at a statement of the client's. */
async function cuttableWire(target: number) {
  let cut: { word: string; deliver: boolean } | undefined;
  let cuts = 0;
  const sockets = new Set<Socket>();
  const wire: Server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    let mute = false;
    upstream.on('data', (data) => {
      if (!mute) client.write(data);
    });
    client.on('data', (data) => {
      if (cut === undefined || !data.includes(`${cut.word}\0`)) {
        upstream.write(data);
        return;
      }
      mute = true;
      cuts++;
      const { deliver } = cut;
      cut = undefined;
      if (deliver) {
        upstream.once('data', () => client.destroy());
        upstream.write(data);
      } else client.destroy();
    });
  });
  wire.listen(0, '127.0.0.1');
  await once(wire, 'listening');
  const address = wire.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    cuts: () => cuts,
    /** The server gets the statement, its answer gets lost. */
    cutAfter: (word: string) => {
      cut = { word, deliver: true };
    },
    cutBefore: (word: string) => {
      cut = { word, deliver: false };
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      wire.close();
    },
  };
}
