/** Codes and causes of database errors, the same for both dialects. */
import { StoreError } from './store.ts';

/** SQLSTATE (`53100`) or errno name (`ECONNREFUSED`); empty if the error has none. */
export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  // Every address of a host name failed: they mostly failed alike.
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return '';
}

export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return messageOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

/** Only message and code: drivers put parameters and connection settings, hence secrets, on their errors. */
export function plainCause(error: unknown): Error {
  const cause = new Error(messageOf(error));
  const code = codeOf(error);
  return code === '' ? cause : Object.assign(cause, { code });
}

export function fault(code: StoreError['code'], error: unknown, message: string, remedy: string): StoreError {
  return new StoreError(code, message, remedy, { cause: plainCause(error) });
}
