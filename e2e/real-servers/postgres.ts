/** PostgreSQL: COPY of so many bytes both ways, and cancel requests, which come on connections of their own. */
import pg from 'pg';
import { postgresPassword } from '../support/postgres.ts';
import { digestOf, output } from './run-program.ts';
import { sameText } from './same.ts';

const lineBytes = 1_024;

export async function checkPostgres(direct: number, through: number, bytes: number): Promise<string> {
  const lines = Math.ceil(bytes / lineBytes);
  const env = { PGPASSWORD: postgresPassword };
  const place = (port: number) => ['-h', '127.0.0.1', '-p', `${port}`, '-U', 'fairlead', '-d', 'postgres', '-qAt'];
  const query = `COPY (SELECT i || repeat(md5(i::text), 31) || repeat('x', ${lineBytes} - 993 - length(i::text)) FROM generate_series(1, ${lines}) i) TO STDOUT`;
  const [one, other] = [
    await digestOf('psql', [...place(direct), '-c', query], env),
    await digestOf('psql', [...place(through), '-c', query], env),
  ];
  sameText(`${other.bytes} ${other.digest}`, `${one.bytes} ${one.digest}`, 'COPY TO');
  // in again, on a connection through the proxy each way
  const table = 'CREATE TABLE copied (line text)';
  await output('psql', [...place(through), '-c', table], { env });
  const copy = `psql ${place(direct).join(' ')} -c "${query}" | psql ${place(through).join(' ')} -c 'COPY copied FROM STDIN'`;
  await output('sh', ['-c', copy], { env });
  const digest = "SELECT count(*), md5(string_agg(m, '' ORDER BY m)) FROM (SELECT md5(line) m FROM copied) t";
  const expected = `SELECT count(*), md5(string_agg(m, '' ORDER BY m)) FROM (SELECT md5(i || repeat(md5(i::text), 31) || repeat('x', ${lineBytes} - 993 - length(i::text))) m FROM generate_series(1, ${lines}) i) t`;
  const [found, wanted] = await Promise.all(
    [digest, expected].map(async (sql) => (await output('psql', [...place(direct), '-c', sql], { env })).toString()),
  );
  sameText(found!, wanted!, 'COPY FROM');
  await cancel(through);
  return `${Math.round(one.bytes / 1e6)} MB by COPY out and in again, byte for byte; a query cancelled`;
}

/** The server ends the query because a second connection asks for it with the key of the first. */
async function cancel(port: number): Promise<void> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'fairlead',
    database: 'postgres',
    password: postgresPassword,
  });
  await client.connect();
  try {
    const sleep = new pg.Query('SELECT pg_sleep(600)');
    const ended = new Promise<Error>((resolve) => sleep.once('error', resolve));
    client.query(sleep);
    const other = new pg.Client({
      host: '127.0.0.1',
      port,
      user: 'fairlead',
      database: 'postgres',
      password: postgresPassword,
    });
    (other as unknown as { cancel(client: pg.Client, query: pg.Query): void }).cancel(client, sleep);
    sameText((await ended).message, 'canceling statement due to user request', 'cancel');
  } finally {
    await client.end();
  }
}
