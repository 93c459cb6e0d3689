/** A PostgreSQL server: a pool for statements, and one connection of its own that hints come by. */
import { setTimeout as pause } from 'node:timers/promises';
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import type { Logger } from 'pino';
import type { Database } from './database.ts';
import { limits } from './limits.ts';
import { explainPostgres, notAUrl, readOnly } from './postgres-faults.ts';
import { PostgresListener } from './postgres-listener.ts';
import { readTimestamp, type Tables, typeIds } from './schema.ts';

/** Connects, and makes sure that the server takes writes. Throws `StoreError`. */
export async function openPostgres(url: string, logger: Logger): Promise<Database> {
  const config = configFor(url);
  const description = describe(config);
  const explain = (error: unknown) => explainPostgres(error, description);
  const pool = new pg.Pool({ ...config, max: limits.connections });
  // An idle connection broke: the pool replaces it, and the listener or the next poll tells of the outage.
  pool.on('error', (error) => logger.debug({ event: 'store.connection-lost', err: error }, 'An idle connection broke'));
  // One in use broke between two statements: the next one fails by it. Unheard, the event would end the process.
  pool.on('connect', (client) => client.on('error', () => {}));
  const kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  const listener = new PostgresListener(config, explain);
  const close = async () => {
    const ended = Promise.all([listener.stop(), pool.end()]);
    // A server that is not there any more does not say goodbye.
    await Promise.race([ended, pause(limits.connectTimeoutMs, undefined, { ref: false })]);
  };
  try {
    await refuseReadOnly(kysely, description);
  } catch (error) {
    await close();
    throw explain(error);
  }
  return {
    ...{ description, kysely, explain, close },
    watch: (watcher) => listener.start(watcher),
    shared: true,
    watchNodes: (heard) => listener.watchNodes(heard),
    probe: () => listener.probe(),
  };
}

async function refuseReadOnly(kysely: Kysely<Tables>, description: string): Promise<void> {
  const query = sql<{ refuses: boolean }>`
    select pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean as refuses`;
  const { rows } = await query.execute(kysely);
  if (rows[0]?.refuses === true) throw readOnly(description);
}

function configFor(url: string): pg.ClientConfig {
  if (!/^postgres(ql)?:\/\//.test(url)) throw notAUrl();
  return {
    connectionString: url,
    application_name: 'fairlead',
    connectionTimeoutMillis: limits.connectTimeoutMs,
    statement_timeout: limits.statementTimeoutMs,
    // For a server that is not there any more: the statement timeout is the server's to keep.
    query_timeout: limits.statementTimeoutMs + 1_000,
    idle_in_transaction_session_timeout: limits.idleInTransactionMs,
    keepAlive: true,
    types: { getTypeParser },
  };
}

/** As pg itself reads the address, so that what is said is what is used. */
function describe(config: pg.ClientConfig): string {
  try {
    const { user, host, port, database } = new pg.Client(config);
    return `postgres://${user}@${host}:${port}/${database}`;
  } catch {
    throw notAUrl();
  }
}

const getTypeParser: pg.CustomTypesConfig['getTypeParser'] = (id, format) => {
  if (id === typeIds.int8) return Number;
  if (id === typeIds.timestamptz) return readTimestamp;
  return pg.types.getTypeParser(id, format);
};
