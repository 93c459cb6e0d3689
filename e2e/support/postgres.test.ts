import pg from 'pg';
import { expect, test } from 'vitest';
import { startPostgres } from './postgres.ts';
import { binaryFolders } from './postgres-binaries.ts';

async function one(url: string, statement: string): Promise<unknown> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query({ text: statement, rowMode: 'array' });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

test('there is a PostgreSQL for the tests on this machine', () => {
  expect(binaryFolders()).not.toEqual([]);
});

test.each(binaryFolders())(
  'the server of %s starts, keeps its data through kill -9, and leaves nothing',
  async (bin) => {
    const server = await startPostgres({ bin });
    try {
      const url = await server.createDatabase();
      expect(await one(url, `select current_setting('fsync')`)).toBe('on');
      await one(url, 'create table kept as select 7 as number');
      await server.kill();
      await expect(one(url, 'select 1')).rejects.toThrow();
      await server.restart();
      expect(await one(url, 'select number from kept')).toBe(7);
    } finally {
      await server.stop();
    }
    await expect(one(server.url(), 'select 1')).rejects.toThrow(/ECONNREFUSED/);
  },
);
