/** What goes wrong with a PostgreSQL server, in sentences with a remedy. No sentence holds the password. */
import { codeOf, fault, messageOf, plainCause } from './faults.ts';
import { StoreError } from './store.ts';

const unreachable = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN'],
  ...['ENOENT', 'EACCES'], // of a Unix socket
  ...['57P01', '57P02', '57P03', '57P05', '25P03', '53300'],
]);

/** Errors of pg itself come without a code. */
const lostConnection = /connection|timeout|not queryable/i;

export function explainPostgres(error: unknown, where: string): StoreError {
  if (error instanceof StoreError) return error;
  const code = codeOf(error);
  const said = messageOf(error);
  switch (code) {
    case '28P01':
    case '28000':
      return fault(
        'unreachable',
        error,
        `The database ${where} refuses the login: ${said}.`,
        'Correct user and password in DATABASE_URL, or allow the login in pg_hba.conf.',
      );
    case '3D000':
      return fault('unreachable', error, `There is no such database: ${where}.`, 'Create it, or correct DATABASE_URL.');
    case '42501':
      return fault(
        'failed',
        error,
        `The database user may not do this at ${where}: ${said}.`,
        'Make it the owner of the database, or grant it CREATE on the schema.',
      );
    case '25006':
      return readOnly(where, error);
    case '53100':
      return fault(
        'disk-full',
        error,
        `The disk of the database ${where} is full; nothing was written.`,
        'Free space on the database server, then write again.',
      );
    case '57014':
    case '55P03':
      return fault(
        'failed',
        error,
        `The database ${where} did not finish in time; nothing was written.`,
        'Write again. If it persists, look in pg_stat_activity for who holds the lock on the table `head`.',
      );
    case 'XX001':
    case 'XX002':
      return fault(
        'corrupt',
        error,
        `The database ${where} reports damaged data: ${said}.`,
        'Restore the database from a backup.',
      );
  }
  if (unreachable.has(code) || code.startsWith('08') || (code === '' && lostConnection.test(said))) {
    return fault(
      'unreachable',
      error,
      `The database ${where} cannot be reached: ${said}.`,
      'Check that it runs, and host and port in DATABASE_URL. The control plane connects again by itself.',
    );
  }
  return fault(
    'failed',
    error,
    `The database ${where} refused: ${said}${code === '' ? '' : ` (${code})`}.`,
    'Look in the log of the database server.',
  );
}

export function readOnly(where: string, error?: unknown): StoreError {
  return new StoreError(
    'read-only',
    `The database ${where} takes no writes; it is a standby or was set read-only.`,
    'Point DATABASE_URL at the primary.',
    error === undefined ? {} : { cause: plainCause(error) },
  );
}

/** Without the URL and without a cause: a URL that cannot be read may hold the password anywhere. */
export function notAUrl(): StoreError {
  return new StoreError(
    'failed',
    'DATABASE_URL is not an address of a PostgreSQL database.',
    'Write postgres://USER:PASSWORD@HOST:PORT/DATABASE; special characters in the password percent-encoded.',
  );
}
