/** Which requests, connections and sessions are logged where only a share is: Envoy's very choice, so that one id is logged by all or by none. */
import type { LogSampleConfig } from '../model/config.ts';
import type { LogEntry } from './log-entry.ts';

/** An id says it with its first digits. */
const leading = /^[0-9a-fA-F]{8}/;

export function isSampled(
  { numerator, denominator, independent }: LogSampleConfig,
  entry: LogEntry,
  random: () => number,
): boolean {
  const id = independent ? '' : entry.requestId || entry.streamId;
  const digits = leading.exec(id);
  const drawn = digits === null ? Math.floor(random() * denominator) : Number.parseInt(digits[0], 16) % denominator;
  return drawn < numerator;
}
