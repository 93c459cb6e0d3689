/** What goes wrong with a server, in words. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, postgresPassword, startPostgres } from '../../e2e/support/postgres.ts';
import { openStore } from './open.ts';
import { explainPostgres } from './postgres-faults.ts';
import { StoreError } from './store.ts';
import { query, readableLog, storeErrorOf } from './testing.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.stop());

test.each([
  ['53100', 'could not extend file', 'disk-full', /Free space/],
  ['25006', 'cannot execute INSERT in a read-only transaction', 'read-only', /primary/],
  ['57014', 'canceling statement due to statement timeout', 'failed', /pg_stat_activity/],
  ['XX001', 'invalid page in block 7', 'corrupt', /backup/],
  ['57P01', 'terminating connection due to administrator command', 'unreachable', /connects again/],
  ['53300', 'sorry, too many clients already', 'unreachable', /connects again/],
  ['08006', 'connection failure', 'unreachable', /connects again/],
  ['ECONNREFUSED', 'connect ECONNREFUSED', 'unreachable', /connects again/],
  ['', 'timeout exceeded when trying to connect', 'unreachable', /connects again/],
  ['', 'Connection terminated unexpectedly', 'unreachable', /connects again/],
  ['', 'Query read timeout', 'unreachable', /connects again/],
  ['22P02', 'invalid input syntax for type json', 'failed', /log of the database/],
])('code %s (%s) is %s', (code, message, expected, remedy) => {
  const error = Object.assign(new Error(message), code === '' ? {} : { code });
  const explained = explainPostgres(error, 'postgres://ann@db:5432/fairlead');
  expect(explained.code).toBe(expected);
  expect(explained.message).toContain('postgres://ann@db:5432/fairlead');
  expect(explained.remedy).toMatch(remedy);
});

test('a host of several addresses that all fail is explained by the first', () => {
  const each = Object.assign(new Error('connect ECONNREFUSED ::1:5432'), { code: 'ECONNREFUSED' });
  const explained = explainPostgres(new AggregateError([each, each]), 'postgres://db');
  expect([explained.code, explained.message]).toEqual([
    'unreachable',
    expect.stringContaining('ECONNREFUSED ::1:5432'),
  ]);
});

test('the cause keeps message and code, and nothing else that the driver put on the error', () => {
  const error = Object.assign(new Error('no'), { code: '23505', detail: 'Key (hash)=(secret) exists.', password: 'x' });
  const { cause } = explainPostgres(error, 'postgres://db');
  expect(cause).toMatchObject({ message: 'no', code: '23505' });
  expect(JSON.stringify({ ...(cause as object) })).toBe('{"code":"23505"}');
});

test('a StoreError is passed on as it is', () => {
  const error = new StoreError('corrupt', 'x', 'y');
  expect(explainPostgres(error, 'postgres://db')).toBe(error);
});

test.each([
  {
    what: 'a server that does not run',
    url: async () => 'postgres://ann:s3cret@127.0.0.1:1/fairlead',
    error: {
      code: 'unreachable',
      message: /postgres:\/\/ann@127.0.0.1:1\/fairlead cannot be reached/,
      remedy: /it runs/,
    },
  },
  {
    what: 'a host that does not exist',
    url: async () => 'postgres://ann:s3cret@nowhere.invalid/fairlead',
    error: { code: 'unreachable', message: /nowhere.invalid/, remedy: /host and port/ },
  },
  {
    what: 'a wrong password',
    url: async () => server.url().replace(encodeURIComponent(postgresPassword), 's3cret'),
    error: { code: 'unreachable', message: /refuses the login/, remedy: /user and password/ },
  },
  {
    what: 'a database that does not exist',
    url: async () => server.url('s3cretless'),
    error: { code: 'unreachable', message: /no such database/, remedy: /Create it/ },
  },
  {
    what: 'an address of another kind',
    url: async () => 'mysql://ann:s3cret@127.0.0.1/fairlead',
    error: { code: 'failed', message: /not an address/, remedy: /postgres:\/\/USER/ },
  },
  {
    what: 'an address that cannot be read',
    url: async () => 'postgres://ann:s3cret@127.0.0.1:port/fairlead',
    error: { code: 'failed', message: /not an address/, remedy: /percent-encoded/ },
  },
  {
    what: 'a read-only database',
    url: async () => {
      const url = await server.createDatabase();
      await query(url, `alter database ${new URL(url).pathname.slice(1)} set default_transaction_read_only = on`);
      return url;
    },
    error: { code: 'read-only', message: /takes no writes/, remedy: /primary/ },
  },
  {
    what: 'a user without rights',
    url: async () => {
      const url = new URL(await server.createDatabase());
      const user = `u${randomUUID().slice(0, 8)}`;
      await query(url.href, `create user ${user} password 's3cret'`, `revoke create on schema public from public`);
      return Object.assign(url, { username: user, password: 's3cret' }).href;
    },
    error: { code: 'failed', message: /may not do this/, remedy: /owner/ },
  },
])('$what is refused with what to do, and without the password', async ({ url, error }) => {
  const log = readableLog();
  const found = await storeErrorOf(openStore({ dir: '', databaseUrl: await url(), logger: log.logger }));
  log.logger.error({ err: found }, 'as it would be logged');
  expect(found.code).toBe(error.code);
  expect(found.message).toMatch(error.message);
  expect(found.remedy).toMatch(error.remedy);
  expect(log.text()).not.toMatch(/s3cret(?!less)/);
});
